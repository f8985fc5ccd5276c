// One tune on the page: sound, roll, bars, score, and what is nearest to it. Its texts may be anything, and stay text.
import { ask, make, makePlayer, shape } from "/page.js";

const DIVISION = /:|\|\||\|\]|\[\|/;

// actions: continued(numBars) and kept(); returns the card and what the page does with it.
export function makeTune(number, side, facts, runName, actions) {
  const title = make("h2", { textContent: facts.title });
  const judgement = make("p", { className: facts.is_sound ? "judgement good" : "judgement bad", textContent: facts.judgement });
  const bars = facts.bars.length;
  const form = facts.sections.length > 1 ? `${facts.sections.join(" + ")} bars` : `${bars} bar${bars === 1 ? "" : "s"}`;
  const about = make("p", { className: "about", textContent: [runName, facts.kept, `seed ${facts.seed}`, form].filter(Boolean).join(" · ") });
  const root = make("article", { className: "card tune" }, make("div", { className: "head" }, make("div", {}, about, title), judgement));

  let player = null;
  if (facts.roll) {
    player = makePlayer(`/sound/${number}-${side}`, "");
    root.append(player.root, makeRoll(facts.roll, player.audio));
  } else {
    root.append(make("p", { className: "note", textContent: `It cannot be played: ${facts.problems[0] ?? "no note sounds"}.` }));
  }
  const chooser = makeBars(facts);
  const go = make("button", { type: "button", textContent: "Choose a bar to continue", disabled: true, title: "Choose a bar first" });
  const another = make("button", { type: "button", textContent: "Another B part" });
  if (facts.first_section === null) Object.assign(another, { disabled: true, title: "The tune has only one section" });
  const keep = make("button", { type: "button", textContent: "Keep" });
  chooser.onChoice = (bar) => {
    Object.assign(go, { disabled: false, title: "" });
    go.textContent = `Continue after bar ${bar}`;
  };
  go.addEventListener("click", () => actions.continued(chooser.chosen));
  another.addEventListener("click", () => actions.continued(facts.first_section));
  keep.addEventListener("click", () => actions.kept());
  root.append(
    chooser.root,
    make("div", { className: "row actions" }, go, another, keep),
    makeNearest(number, side),
  );
  if (facts.roll) {
    const score = make("img", { className: "score", src: `/score/${number}-${side}`, alt: `Score of ${facts.title}` });
    const scroll = make("div", { className: "scroll" }, score);
    score.addEventListener("error", () => scroll.remove());
    root.append(scroll);
  }
  const remarks = [facts.remark, ...facts.problems].filter(Boolean);
  root.append(make("details", {}, make("summary", { textContent: "ABC" }), make("pre", { tabIndex: 0 }, make("code", { textContent: facts.abc }))));
  if (remarks.length) root.append(make("ul", { className: "note" }, ...remarks.map((text) => make("li", { textContent: text }))));
  return { root, player, go, another, keep, choose: chooser.choose, chosen: () => chooser.chosen };
}

function makeRoll(roll, audio) {
  const rows = roll.rows.map((row) => {
    const head = shape("line", { class: "playhead", x1: 0, x2: 0, y1: row.top, y2: row.bottom, visibility: "hidden" });
    const parts = [["bars", row.bar_lines], ["notes", row.notes], ["tonic", row.tonic_notes]].map(([name, d]) => shape("path", { class: name, d }));
    return { ...row, head, drawn: shape("g", {}, ...parts, head) };
  });
  const svg = shape("svg", { class: "roll", preserveAspectRatio: "none", viewBox: `0 0 ${roll.width} ${roll.height}`, role: "img", "aria-label": roll.words }, ...rows.map((row) => row.drawn));
  const show = () => {
    for (const { head, start_seconds: start, seconds } of rows) {
      const place = (audio.currentTime - start) / seconds;
      const isHere = place >= 0 && place < 1 && audio.currentTime > 0;
      head.setAttribute("visibility", isHere ? "visible" : "hidden");
      if (isHere) for (const end of ["x1", "x2"]) head.setAttribute(end, (place * roll.width).toFixed(1));
    }
  };
  const follow = () => {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", () => { if (!matchMedia("(prefers-reduced-motion: reduce)").matches) follow(); });
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, show);
  return svg;
}

// The bars as buttons, a line for each section. The last bar leaves nothing to draw.
function makeBars(facts) {
  const wrong = new Set(facts.wrong_bars);
  const chooser = { root: null, chosen: null, onChoice: () => {}, choose };
  const lines = [make("div", { className: "section" })];
  const buttons = facts.bars.map((bar, index) => {
    const number = index + 1;
    const button = make("button", { type: "button", className: wrong.has(number) ? "bar wrong" : "bar", tabIndex: index ? -1 : 0 }, bar.text || "·");
    if (number === facts.bars.length) Object.assign(button, { disabled: true, title: "After the last bar nothing is left to draw" });
    button.setAttribute("aria-label", `Bar ${number}${wrong.has(number) ? ", of the wrong length" : ""}: ${bar.text}`);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(number));
    lines.at(-1).append(button);
    if (DIVISION.test(bar.line)) lines.push(make("div", { className: "section" }));
    return button;
  });
  function choose(number) {
    if (!buttons[number - 1] || buttons[number - 1].disabled) return;
    chooser.chosen = number;
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(index === number - 1));
      button.classList.toggle("kept", index < number);
    });
    chooser.onChoice(number);
  }
  chooser.root = make("div", { className: "bars", role: "group" }, ...lines.filter((line) => line.childElementCount));
  chooser.root.setAttribute("aria-label", "Bars: choose the last one to keep");
  chooser.root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && buttons[buttons.indexOf(event.target) + step];
    if (!next || next.disabled) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return chooser;
}

function makeNearest(number, side) {
  const root = make("div", { className: "nearest" }, make("p", { className: "note", textContent: "Looking for the nearest training tune …" }));
  ask("nearest", { number, side }).then(({ nearest, reason }) => {
    if (!nearest) return root.replaceChildren(make("p", { className: "note", textContent: `Nearest training tune: ${reason}.` }));
    const words = make("p", {}, "Nearest training tune: ", make("b", { textContent: nearest.tune }), `, ${nearest.words}.`);
    root.replaceChildren(words);
    if (nearest.is_shown) {
      root.append(make("div", { className: "passages" },
        makePassage("Here", nearest.in_song, "not recorded"),
        makePassage("There", nearest.in_training_tune, nearest.missing_reason)));
    }
  }).catch((error) => root.replaceChildren(make("p", { className: "note", textContent: error.message })));
  return root;
}

function makePassage(label, passage, missing) {
  const caption = make("figcaption", { textContent: label });
  if (!passage) return make("figure", {}, caption, make("p", { className: "note", textContent: missing }));
  const code = make("code", {}, passage.before, make("mark", { textContent: passage.marked }), passage.after);
  return make("figure", {}, caption, make("pre", { tabIndex: 0 }, code));
}
