// The listening page: start, trials, end. Every answer is sent to the server at once.
import { ask, element, make, makePlayer, report } from "/page.js";
import { showResult } from "/result.js";

const REMEMBERED = "musicgen-listener";

let listener = null;
let session = null;
let place = 0; // index of the current trial
let active = 0; // index of the question that digit keys answer
let players = []; // of the current trial
const unsaved = new Map(); // trial and question -> the answer being sent
const saved = () => Promise.all(unsaved.values());

function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  element("session").hidden = name === "start" || name === "result";
  if (name !== "trial") silence();
  element("status").classList.remove("shown");
  window.scrollTo(0, 0);
  document.querySelector(`#${name} h1`)?.focus({ preventScroll: true });
}

// --- start ---

async function open(id) {
  session = await ask("session", { listener: id });
  listener = id;
  sessionStorage.setItem(REMEMBERED, id);
  element("who").textContent = session.name;
  if (session.has_ended) return reveal();
  const open = session.trials.findIndex((trial) => !isAnswered(trial));
  if (open < 0) return showEnd();
  showTrial(open);
}

function showStart() {
  listener = null;
  sessionStorage.removeItem(REMEMBERED);
  show("start");
  element("name").focus();
}

element("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { listener: id } = await ask("enter", { name: element("name").value });
    await open(id);
  } catch (error) {
    report(error.message, true);
  }
});

element("pause").addEventListener("click", async () => {
  await saved();
  showStart();
  report("Everything is saved. Enter the same name to continue.");
});

// --- trials ---

const isPair = () => session.mode === "pairs";
const isAnswered = (trial) => trial.questions.every((name) => name in trial.answers);
const thing = (trial) => ({ 1: "Tune", 2: "Pair" })[trial.sounds.length] ?? "Set";
let questions = []; // of the current trial

function showTrial(number) {
  place = number;
  const trial = session.trials[place];
  questions = session.questions.filter((question) => trial.questions.includes(question.name));
  element("place").textContent = `${thing(trial)} ${place + 1} of ${session.trials.length}`;
  showProgress();
  silence();
  players = trial.sounds.map(makeTrialPlayer);
  element("players").classList.toggle("pair", players.length > 1);
  element("players").replaceChildren(...players.map((player) => player.root));
  element("questions").replaceChildren(...questions.map((question) => makeQuestion(question, trial)));
  lock(!isAnswered(trial) && Object.keys(trial.answers).length === 0);
  const firstOpen = questions.findIndex((question) => !(question.name in trial.answers));
  activate(Math.max(firstOpen, 0));
  element("back").disabled = place === 0;
  element("keys").replaceChildren(...keyHints());
  show("trial");
}

function showProgress() {
  const answered = session.trials.filter(isAnswered).length;
  element("done").max = session.trials.length;
  element("done").value = answered;
  element("next").disabled = !isAnswered(session.trials[place]);
  element("finish").textContent = answered === session.trials.length ? "End" : "End early";
}

function keyHints() {
  const hints = players.length > 1 ? [[[..."ABCD"].slice(0, players.length).join(" "), "play"]] : [["Space", "play"]];
  hints.push(isPair() ? ["1 2", "choose"] : ["1 – 5", "rate"]);
  if (questions.length > 1) hints.push(["↑ ↓", "question"]);
  hints.push(["Enter", "next"], ["Backspace", "back"]);
  return hints.map(([key, text]) => make("span", {}, make("kbd", { textContent: key }), ` ${text}`));
}

function makeTrialPlayer(sound, side) {
  const player = makePlayer(`/sound/${sound}`, session.trials[place].sounds.length > 1 ? "ABCD"[side] : "");
  player.wasPlayed = false;
  player.audio.addEventListener("playing", () => {
    player.wasPlayed = true;
    if (players.every((one) => one.wasPlayed)) lock(false);
  });
  return player;
}

function silence() {
  for (const player of players) player.silence();
  players = [];
}

function makeQuestion(question, trial) {
  const labels = isPair() ? ["A", "B"] : question.labels;
  const points = labels.map((label, index) => {
    const value = index + 1;
    const id = `${question.name}-${value}`;
    const input = make("input", { type: "radio", name: question.name, id, value });
    input.checked = trial.answers[question.name] === value;
    input.addEventListener("change", () => save(question, value));
    const words = isPair() ? [make("b", { textContent: label })] : [make("b", { textContent: value }), " ", label];
    return make("div", { className: "point" }, input, make("label", { htmlFor: id }, ...words));
  });
  const legend = make("legend", {}, make("strong", { textContent: question.title }), " ", make("span", { textContent: question.question }));
  const scale = make("div", { className: isPair() ? "points two" : "points" }, ...points);
  const fieldset = make("fieldset", {}, legend, scale);
  fieldset.addEventListener("focusin", () => activate(questions.indexOf(question)));
  return fieldset;
}

function lock(isLocked) {
  element("questions").classList.toggle("locked", isLocked);
  for (const input of element("questions").querySelectorAll("input")) input.disabled = isLocked;
}

function activate(number) {
  active = number;
  [...element("questions").children].forEach((fieldset, index) => fieldset.classList.toggle("active", index === active));
}

function save(question, value) {
  const trial = session.trials[place];
  const before = trial.answers[question.name];
  trial.answers[question.name] = value;
  showProgress();
  // Send answers to one question in order, so that the last one stays.
  const key = `${trial.id} ${question.name}`;
  const sent = (unsaved.get(key) ?? Promise.resolve()).then(async () => {
    try {
      await ask("answer", { listener, trial: trial.id, question: question.name, value });
      report("Saved");
    } catch (error) {
      if (trial.answers[question.name] === value) {
        if (before === undefined) delete trial.answers[question.name];
        else trial.answers[question.name] = before;
        if (session.trials[place] === trial) {
          for (const input of element("questions").elements[question.name]) input.checked = Number(input.value) === before;
        }
      }
      showProgress();
      report(`Not saved. ${error.message}`, true);
    }
    if (unsaved.get(key) === sent) unsaved.delete(key);
    document.body.toggleAttribute("data-saving", unsaved.size > 0);
  });
  unsaved.set(key, sent);
  document.body.toggleAttribute("data-saving", true);
}

async function next() {
  await saved();
  if (!isAnswered(session.trials[place])) return report(isPair() ? "Choose one of the two first." : "Answer every question first.");
  const later = session.trials.findIndex((trial, index) => index > place && !isAnswered(trial));
  const open = later >= 0 ? later : session.trials.findIndex((trial) => !isAnswered(trial));
  if (open < 0) return showEnd();
  showTrial(place + 1 < session.trials.length ? place + 1 : open);
}

element("next").addEventListener("click", next);
element("back").addEventListener("click", () => place > 0 && showTrial(place - 1));
element("finish").addEventListener("click", () => showEnd());

document.addEventListener("keydown", (event) => {
  if (element("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const isOnButton = event.target instanceof HTMLButtonElement;
  const isOnSlider = event.target.type === "range";
  const letter = event.key.length === 1 ? "abcd".indexOf(event.key.toLowerCase()) : -1;
  if (event.key === " " && players.length === 1 && !isOnButton) players[0].toggle();
  else if (players.length > 1 && letter >= 0 && letter < players.length) players[letter].toggle();
  else if (event.key === "Enter" && !isOnButton) next();
  else if (event.key === "Backspace") element("back").click();
  else if (event.key === "ArrowDown" && !isOnSlider) move(1);
  else if (event.key === "ArrowUp" && !isOnSlider) move(-1);
  else if (/^[1-5]$/.test(event.key)) choose(Number(event.key));
  else return;
  event.preventDefault();
});

function move(step) {
  activate(Math.min(Math.max(active + step, 0), questions.length - 1));
  const inputs = [...element("questions").children[active].querySelectorAll("input")];
  (inputs.find((input) => input.checked) ?? inputs[0]).focus();
}

function choose(value) {
  const question = questions[active];
  const input = element(`${question.name}-${value}`);
  if (!input) return;
  if (input.disabled) return report(players.length > 1 ? "Listen to all of them first." : "Listen first: press the space bar.");
  input.checked = true;
  save(question, value);
  const open = questions.findIndex((one) => !(one.name in session.trials[place].answers));
  if (open < 0) return element("next").focus();
  activate(open);
  element("questions").children[open].querySelector("input").focus({ preventScroll: false });
}

// --- end ---

function showEnd() {
  const open = session.trials.filter((trial) => !isAnswered(trial)).length;
  const things = isPair() ? "pairs" : "tunes";
  element("end-title").textContent = open ? `${open} of ${session.trials.length} ${things} are left` : `All ${session.trials.length} ${things} are rated`;
  element("end-text").textContent = "When you end, you see where every tune came from and how it was rated. " +
    "After that your ratings can no longer change, because you know the answers.";
  show("end");
}

element("return").addEventListener("click", () => showTrial(Math.max(session.trials.findIndex((trial) => !isAnswered(trial)), 0)));

element("reveal").addEventListener("click", async () => {
  try {
    await saved();
    await ask("end", { listener });
    await reveal();
  } catch (error) {
    report(error.message, true);
  }
});

async function reveal() {
  showResult(element("result"), await ask("result", { listener }));
  show("result");
}

// --- start, or continue where this tab was ---

const remembered = sessionStorage.getItem(REMEMBERED);
if (remembered === null) showStart();
else open(remembered).catch((error) => { showStart(); report(error.message, true); });
