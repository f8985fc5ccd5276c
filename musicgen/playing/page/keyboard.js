// A small keyboard that writes notes in ABC as the chosen key spells them, and plays them.
import { element, make } from "/page.js";

const LENGTHS = [["/", "½"], ["", "1"], ["2", "2"], ["3", "3"], ["4", "4"]];
const BLACK = new Set([1, 3, 6, 8, 10]);
const LAST_TOKEN = /(?:[_^=]*[A-Ga-gz][,']*[\d/]*|\|[\]:]?|.)\s*$/s;

let length = "";
let sound = null;

function beep(pitch) {
  sound ??= new AudioContext();
  const [tone, volume, now] = [sound.createOscillator(), sound.createGain(), sound.currentTime];
  tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
  tone.type = "triangle";
  volume.gain.setValueAtTime(0.15, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.4);
  tone.connect(volume).connect(sound.destination);
  tone.start(now);
  tone.stop(now + 0.4);
}

// spelling: (pitch) => [note as written, note with an accidental]; changed: called after each change.
export function makeKeyboard(pitches, spelling, changed) {
  const phrase = element("phrase");
  const set = (text) => {
    phrase.value = text;
    changed();
  };
  const write = (pitch) => {
    const [plain, explicit] = spelling(pitch);
    // An accidental lasts to the end of its bar.
    const letter = plain.replace(/[^A-Ga-g]/g, "");
    const isChanged = new RegExp(`[_^=]${letter}`, "i").test(phrase.value.split("|").pop());
    set(phrase.value + (isChanged ? explicit : plain) + length);
    beep(pitch);
  };

  element("lengths").replaceChildren(...LENGTHS.map(([text, words]) => {
    const input = make("input", { type: "radio", name: "length", checked: text === length });
    input.addEventListener("change", () => { length = text; });
    return make("label", {}, input, make("span", { textContent: words }));
  }));
  const edits = {
    Rest: () => set(`${phrase.value}z${length}`),
    Bar: () => set(`${phrase.value}|`),
    Undo: () => set(phrase.value.replace(LAST_TOKEN, "")),
    Clear: () => set(""),
  };
  element("edits").replaceChildren(...Object.entries(edits).map(([words, act]) => {
    const button = make("button", { type: "button", className: "quiet", textContent: words });
    button.addEventListener("click", act);
    return button;
  }));

  const keys = pitches.map((pitch) => {
    const button = make("button", { type: "button", className: BLACK.has(pitch % 12) ? "black" : "white", tabIndex: -1 });
    button.addEventListener("click", () => write(pitch));
    return button;
  });
  keys[Math.floor(keys.length / 2)].tabIndex = 0;
  element("piano").replaceChildren(...keys);
  element("piano").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -12, ArrowUp: 12 }[event.key];
    const next = keys[keys.indexOf(event.target) + step];
    if (!step) return;
    event.preventDefault();
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  // The names of the keys follow the chosen key.
  return () => keys.forEach((key, index) => {
    const [plain] = spelling(pitches[index]);
    key.setAttribute("aria-label", plain);
    if (key.className === "white") key.textContent = plain.replace(/[_^=]/g, "");
  });
}
