// The page to play with. Its state is in the address, and what was drawn is on the server, so a reload loses nothing.
import { ask, element, make, report } from "/page.js";
import { makeKeyboard } from "/keyboard.js";
import { makeTune } from "/tune.js";

const CHOICES = ["key", "meter", "rhythm", "range"];
const SLIDERS = ["temperature", "top_p"];
const ANY = { key: "any key", meter: "any metre", rhythm: "any rhythm", range: "any range" };
const HINTS = [["D", "draw"], ["Space", "play"], ["C", "continue"], ["B", "another B part"], ["K", "keep"], ["P N", "previous, next"]];

const state = await ask("state", {});
let draws = state.draws;
let shown = null; // number of the draw on the page
let tunes = []; // its cards that have a tune
let isBusy = false;

// --- what is wished for ---

function fill() {
  for (const name of CHOICES) {
    const options = state.choices[name].map((value) => make("option", { value, textContent: value.replaceAll("_", " ") }));
    element(name).replaceChildren(make("option", { value: "" }), ...options);
  }
  element("temperature").max = state.max_temperature;
  element("runs").textContent = state.runs.join(" and ");
  element("begins").textContent = /^X:\d*\s*$/.test(state.prompt) ? "" : `If empty, the run’s own beginning: ${state.prompt.trim().replaceAll("\n", " ")}`;
  element("hints").replaceChildren(...HINTS.map(([key, words]) => make("span", {}, make("kbd", { textContent: key }), ` ${words}`)));
}

function setWish(values) {
  for (const name of SLIDERS) element(name).value = values[name];
  for (const name of CHOICES) {
    const select = element(name);
    const wish = values[name] ?? "";
    // A run may wish for what is not in the list, such as a range of two notes.
    if (![...select.options].some((option) => option.value === wish)) select.append(make("option", { value: wish, textContent: wish }));
    select.value = wish;
  }
  element("phrase").value = values.phrase ?? "";
  element("seed").value = values.seed ?? 0;
  element("fresh").checked = values.fresh ?? true;
  showWish();
}

function wish() {
  const values = { seed: Number(element("seed").value), phrase: element("phrase").value };
  for (const name of SLIDERS) values[name] = Number(element(name).value);
  for (const name of CHOICES) values[name] = element(name).value || null;
  return values;
}

function showWish() {
  for (const name of SLIDERS) element(`${name}-value`).textContent = Number(element(name).value).toFixed(2);
  // A phrase replaces the run's own beginning.
  const fixed = element("phrase").value.trim() ? {} : state.fixed;
  for (const name of CHOICES) element(name).options[0].textContent = fixed[name] ? `run: ${fixed[name]}` : ANY[name];
  nameKeys();
}

const spelling = (pitch) => {
  const notes = state.keyboards[element("key").value] ?? Object.values(state.keyboards)[0];
  return notes[state.keyboard.indexOf(pitch)];
};
const nameKeys = makeKeyboard(state.keyboard, spelling, () => remember());

// --- the address ---

function remember(isNew = false) {
  showWish();
  const values = { ...wish(), fresh: element("fresh").checked, show: shown };
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== "");
  const address = `#${new URLSearchParams(known)}`;
  history[isNew ? "pushState" : "replaceState"](null, "", address);
}

async function recall() {
  const known = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const isKnown = "temperature" in known;
  setWish(isKnown ? { ...known, fresh: known.fresh !== "false" } : state.settings);
  const number = Number(known.show ?? draws.at(-1));
  if (draws.includes(number)) await open(number, false);
}

// --- tunes ---

async function draw(beginning = null) {
  if (isBusy || !element("wish").reportValidity()) return;
  const seed = element("seed");
  const before = seed.value;
  // The same beginning with the same random numbers would give the same tune.
  if ((element("fresh").checked || beginning) && draws.length) seed.value = Number(seed.value) + 1;
  const bars = tunes.map((tune) => tune.chosen());
  busy(true);
  try {
    const answer = await ask("draw", { ...wish(), beginning });
    draws = [...draws, answer.number];
    show(answer);
    if (beginning) tunes.forEach((tune, side) => bars[side] && tune.choose(bars[side]));
    remember(true);
    // On a narrow page the tune is below what it was drawn with.
    const { top } = element("tunes").getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) element("tunes").scrollIntoView();
  } catch (error) {
    seed.value = before;
    report(error.message, true);
  }
  busy(false);
}

function busy(isNow) {
  isBusy = isNow;
  element("draw").textContent = isNow ? "Drawing …" : "Draw a tune";
  document.body.toggleAttribute("data-busy", isNow);
}

async function open(number, isNew = true) {
  try {
    show(await ask("drawn", { number }));
    if (isNew) remember(true);
  } catch (error) {
    report(error.message, true);
  }
}

function show(answer) {
  for (const tune of tunes) tune.player?.silence();
  shown = answer.number;
  element("status").classList.remove("shown");
  const cards = answer.sides.map((facts, side) => {
    const name = state.runs.length > 1 ? state.runs[side] : "";
    if (facts.error) return { root: make("article", { className: "card tune" }, make("p", { className: "about", textContent: name }), make("p", { className: "refused", textContent: facts.error })) };
    return makeTune(answer.number, side, facts, name, {
      continued: (bars) => draw({ number: answer.number, side, num_bars: bars }),
      kept: () => keep(answer.number, side),
    });
  });
  tunes = cards.filter((card) => card.keep);
  const place = element("tunes");
  const hadFocus = place.contains(document.activeElement);
  place.classList.toggle("pair", cards.length > 1);
  place.replaceChildren(...cards.map((card) => card.root));
  if (hadFocus) place.focus({ preventScroll: true });
  showPlace();
}

function showPlace() {
  const place = draws.indexOf(shown);
  element("place").textContent = place < 0 ? "" : `Tune ${place + 1} of ${draws.length}`;
  element("previous").disabled = place <= 0;
  element("next").disabled = place < 0 || place === draws.length - 1;
}

const step = (by) => {
  const number = draws[draws.indexOf(shown) + by];
  if (number !== undefined && shown !== null) open(number);
};

// --- the tunebook ---

async function keep(number, side) {
  report("Keeping …");
  try {
    showBook(await ask("keep", { number, side }));
    report("Kept");
  } catch (error) {
    report(`Not kept. ${error.message}`, true);
  }
}

function showBook(book) {
  element("book").hidden = !book.kept.length;
  element("folder").replaceChildren("In the run’s folder ", make("code", { textContent: `played/${book.folder}` }), ": ", link(book.book, "the whole book"));
  element("kept").replaceChildren(...book.kept.map(makeKept));
}

function link(file, words) {
  return make("a", { href: `/kept/${file}`, download: file, textContent: words });
}

const NAMES = { abc: "ABC", mid: "MIDI", mp3: "MP3", musicxml: "MusicXML", svg: "Score" };
const drafts = new Map(); // number of a kept tune -> its form, which outlives the list

function makeKept(kept) {
  const files = kept.files.map((file) => link(file, NAMES[file.split(".").pop()]));
  const item = make("li", {}, make("b", { textContent: kept.title }), make("span", { className: "about", textContent: ` ${kept.origin}, temperature ${kept.temperature}` }),
    make("p", { className: "row files" }, ...files));
  for (const problem of kept.problems) item.append(make("p", { className: "note", textContent: problem }));
  if (!drafts.has(kept.number)) drafts.set(kept.number, makeRating(kept));
  item.append(drafts.get(kept.number));
  return item;
}

function makeRating(kept) {
  const selects = state.criteria.map((criterion) => {
    const select = make("select", { name: criterion.name, title: criterion.question }, make("option", { value: "", textContent: "–" }),
      ...state.points.map((point, index) => make("option", { value: point, textContent: `${point}: ${criterion.labels[index]}` })));
    return make("label", {}, criterion.title, select);
  });
  const text = make("input", { type: "text", maxLength: 1000, placeholder: "What did you hear?" });
  text.setAttribute("aria-label", "What did you hear?");
  const save = make("button", { type: "submit", textContent: "Add to the findings" });
  const form = make("form", { className: "rating" }, ...selects, make("div", { className: "row" }, text, save));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const rated = [...form.querySelectorAll("select")].filter((select) => select.value);
    const ratings = Object.fromEntries(rated.map((select) => [select.name, Number(select.value)]));
    try {
      const { log } = await ask("rate", { kept: kept.number, text: text.value, ratings });
      report(`Added to ${log}`);
      form.reset();
    } catch (error) {
      report(`Not saved. ${error.message}`, true);
    }
  });
  return make("details", {}, make("summary", { textContent: "Rate it" }), form);
}

// --- hands on the keyboard ---

// A disabled button says why in its title.
function press(button) {
  if (button?.disabled) report(button.title, true);
  else button?.click();
}

const current = () => tunes.find((tune) => tune.root.contains(document.activeElement)) ?? tunes[0];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Enter" && event.target === element("phrase")) draw();
    return;
  }
  if (event.target.matches("textarea, select, input:not([type=range], [type=checkbox], [type=radio])")) return;
  const isOnControl = event.target.matches("button, input, summary, a");
  const acts = {
    d: () => draw(),
    " ": () => current()?.player?.toggle(),
    c: () => press(current()?.go),
    b: () => press(current()?.another),
    k: () => press(current()?.keep),
    p: () => step(-1),
    n: () => step(1),
  };
  const act = acts[event.key.toLowerCase()];
  if (!act || (event.key === " " && isOnControl)) return;
  event.preventDefault();
  act();
});

element("wish").addEventListener("submit", (event) => {
  event.preventDefault();
  draw();
});
element("wish").addEventListener("input", () => remember());
element("previous").addEventListener("click", () => step(-1));
element("next").addEventListener("click", () => step(1));
addEventListener("popstate", () => recall());

fill();
showBook(state);
showPlace();
await recall();
document.body.toggleAttribute("data-ready", true);
