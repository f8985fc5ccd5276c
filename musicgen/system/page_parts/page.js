// What all pages share: requests to the server, elements, the status line, players. Texts become text, never markup.

const token = document.querySelector("meta[name=token]").content;
const PLAY = "M8 5v14l11-7z";
const PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z";

export const element = (id) => document.getElementById(id);

export async function ask(path, content) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Musicgen-Token": token },
      body: JSON.stringify(content),
      keepalive: true, // an answer being sent arrives even if the page is closed
    });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

let hiding = 0;
export function report(text, isProblem = false) {
  const status = element("status");
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
  status.classList.add("shown");
  clearTimeout(hiding);
  if (!isProblem) hiding = setTimeout(() => status.classList.remove("shown"), 1200);
}

export function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

const icon = (path) => shape("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, shape("path", { d: path }));

export function clock(seconds) {
  const whole = Number.isFinite(seconds) ? Math.round(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// A button, a slider and the time of one sound. name: what tells it from others on the page, or "".
export function makePlayer(source, name) {
  const audio = make("audio", { preload: "auto", src: source });
  const button = make("button", { type: "button", className: "play" });
  const time = make("span");
  const slider = make("input", { type: "range", min: 0, max: 1000, value: 0 });
  slider.setAttribute("aria-label", `Position in the tune ${name}`.trim());
  const track = make("div", { className: "track" },
    make("div", { className: "name" }, make("strong", { textContent: name || "Listen" }), time), slider);
  const root = make("div", { className: "player" }, button, track, audio);

  const refresh = () => {
    const isPlaying = !audio.paused && !audio.ended;
    button.replaceChildren(icon(isPlaying ? PAUSE : PLAY));
    button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${name}`.trim());
    time.textContent = `${clock(audio.currentTime)} / ${clock(audio.duration)}`;
    slider.value = audio.duration ? (1000 * audio.currentTime) / audio.duration : 0;
    slider.setAttribute("aria-valuetext", time.textContent);
  };
  const toggle = () => {
    if (!audio.paused) return audio.pause();
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    audio.play().catch((error) => error.name !== "AbortError" && report("This sound cannot be played.", true));
  };
  const silence = () => {
    audio.pause();
    audio.removeAttribute("src");
    audio.load();
  };
  for (const event of ["play", "pause", "ended", "timeupdate", "loadedmetadata"]) audio.addEventListener(event, refresh);
  audio.addEventListener("error", () => audio.getAttribute("src") && report("This sound cannot be loaded.", true));
  slider.addEventListener("input", () => { if (audio.duration) audio.currentTime = (slider.value / 1000) * audio.duration; });
  button.addEventListener("click", toggle);
  refresh();
  return { root, audio, toggle, silence };
}
