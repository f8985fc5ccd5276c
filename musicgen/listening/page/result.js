// The results: tables with a small plot in each row. Texts of runs are shown as text, never as markup.
import { make, shape } from "/page.js";

const ANCHORS = { corpus: "held-out corpus tunes", shuffled: "tunes with shuffled notes" };
const armName = (arm) => ANCHORS[arm] ?? arm.replace(/^(?:\w+\.)+(?=\w+=)/, "");
const number = (value, places) => (value === null ? "–" : value.toFixed(places).replace(/^-(?=[0.]*$)/, "").replace("-", "−"));
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function interval(value, low, high, places = 2) {
  return low === null ? number(value, places) : `${number(value, places)} [${number(low, places)}, ${number(high, places)}]`;
}

// A dot and its interval on a scale from `min` to `max`.
function plot(value, low, high, min, max, ticks, isAnchor) {
  const cell = make("td", { className: "plot" });
  const svg = shape("svg", { "aria-hidden": "true" });
  const x = (position) => `${(100 * (position - min)) / (max - min)}%`;
  for (const tick of ticks) svg.append(shape("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: "100%" }));
  const kind = isAnchor ? " anchor" : "";
  if (low !== null) svg.append(shape("line", { class: `reach${kind}`, x1: x(low), x2: x(high), y1: "50%", y2: "50%" }));
  if (value !== null) svg.append(shape("circle", { class: `dot${kind}`, cx: x(value), cy: "50%", r: 6 }));
  cell.append(svg);
  return cell;
}

// columns: [heading, row => text or cell]; the first column holds the row headings.
function table(columns, rows) {
  const head = make("tr", {}, ...columns.map(([heading]) => make("th", { scope: "col", textContent: heading })));
  const body = rows.map((row) => make("tr", {}, ...columns.map(([, read], place) => {
    const content = read(row);
    if (content instanceof Node) return content;
    return place === 0 ? make("th", { scope: "row", textContent: content }) : make("td", { className: "number", textContent: content });
  })));
  return make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function means(result) {
  const rows = result.tables["listening.csv"];
  const parts = [make("h2", { textContent: "What was heard" })];
  for (const criterion of new Set(rows.map((row) => row.criterion))) {
    parts.push(make("h3", { textContent: result.titles[criterion] ?? criterion }), table([
      ["", (row) => armName(row.arm)],
      ["1 to 5", (row) => plot(row.mean, row.ci_low, row.ci_high, 1, 5, [1, 2, 3, 4, 5], row.arm in ANCHORS)],
      ["mean [95 %]", (row) => interval(row.mean, row.ci_low, row.ci_high)],
      ["of", (row) => `${plural(row.num_tunes, row.criterion === "set_variety" ? "set" : "tune")}, ${plural(row.num_listeners, "listener")}`],
    ], rows.filter((row) => row.criterion === criterion)));
  }
  parts.push(make("p", { className: "note", textContent:
    "The intervals cover how much tunes and listeners differ. Whether a change had an effect depends on training " +
    "seeds: python -m musicgen.compare treats these ratings as metrics named listening/…" }));
  return parts;
}

function drawn(result) {
  if (!result.samples.length) return [];
  const share = (count, whole) => (whole ? `${count} (${Math.round((100 * count) / whole)} %)` : "–");
  return [make("h2", { textContent: "What the tunes were drawn from" }), table([
    ["", (row) => armName(row.arm)],
    ["sampled tunes", (row) => String(row.num_tunes)],
    ["invalid", (row) => share(row.num_invalid, row.num_tunes)],
    ["without notes", (row) => share(row.num_without_notes, row.num_tunes)],
  ], result.samples), make("p", { className: "note", textContent:
    "An invalid tune has a bar of the wrong length or an error. Tunes without notes are invalid too; nobody can hear them, " +
    "so no rating includes them." })];
}

function preferences(result) {
  return [make("h2", { textContent: "What was preferred" }), table([
    ["", (row) => (row.arm in ANCHORS ? "corpus tunes over shuffled notes" : `${armName(row.arm)} over the baseline`)],
    ["0 to 1", (row) => plot(row.share, row.ci_low, row.ci_high, 0, 1, [0, 0.5, 1], row.arm in ANCHORS)],
    ["share [95 %]", (row) => interval(row.share, row.ci_low, row.ci_high)],
    ["chosen", (row) => `${row.num_chosen} of ${row.num_choices}`],
    ["", (row) => make("td", { textContent: row.verdict ?? "" })],
  ], result.tables["preferences.csv"]), make("p", { className: "note", textContent:
    "The intervals cover how much listeners and training seeds differ; with one listener they are about that person, with " +
    "fewer than three seeds about these networks." })];
}

function trust(result) {
  const lines = result.reliability.map((one) => {
    let text = one.num_repeated
      ? `${one.listener}: ${one.num_equal} of ${one.num_repeated} repeated ratings identical, ${one.num_within_one} within one point`
      : `${one.listener}: no repeated ratings`;
    if (one.corpus_above_shuffled !== null)
      text += `; corpus tunes ${number(Math.abs(one.corpus_above_shuffled), 1)} points ${one.corpus_above_shuffled < 0 ? "below" : "above"} shuffled notes`;
    return text;
  });
  const [judged, alike] = result.repeats;
  if (judged) lines.push(`${alike} of ${judged} repeated pairs judged alike`);
  const known = Object.entries(result.between_listeners).filter(([, value]) => value !== null);
  if (known.length)
    lines.push("Agreement between listeners (Krippendorff's ordinal alpha): " + known.map(([name, value]) => `${(result.titles[name] ?? name).toLowerCase()} ${number(value, 2)}`).join(", "));
  return [make("h2", { textContent: "How reliable the ratings are" }), make("ul", {}, ...[...lines, ...result.remarks].map((line) => make("li", { textContent: line })))];
}

function agreement(result) {
  const rows = (result.tables["agreement.csv"] ?? []).filter((row) => row.rank_correlation !== null);
  const title = make("h2", { textContent: "Do the metrics agree with listeners?" });
  if (!rows.length) return [title, make("p", { textContent: "There are too few or too similar ratings for a rank correlation." })];
  const criteria = [...new Set(rows.map((row) => row.criterion))];
  const metrics = [...new Map(rows.map((row) => [row.metric, row])).values()];
  const cell = (metric, criterion) => {
    const row = rows.find((one) => one.metric === metric.metric && one.criterion === criterion);
    if (!row) return "–";
    const excludesZero = row.ci_low !== null && (row.ci_low > 0 || row.ci_high < 0);
    const text = interval(row.rank_correlation, row.ci_low, row.ci_high);
    return make("td", { className: "number" }, excludesZero ? make("strong", { textContent: text }) : text);
  };
  // Not every tune is rated in every criterion.
  const count = (metric) => {
    const counts = rows.filter((row) => row.metric === metric.metric).map((row) => row.num_units);
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    return least === most ? String(most) : `${least} to ${most}`;
  };
  const name = (metric) => metric.metric.split("/").pop().replaceAll("_", " ") + (metric.better === null ? "" : `, better ${metric.better}`);
  const part = (unit) => table([
    [`over ${unit}s`, name],
    ...criteria.map((criterion) => [result.titles[criterion] ?? criterion, (metric) => cell(metric, criterion)]),
    ["n", count],
  ], metrics.filter((metric) => metric.unit === unit));
  return [title, make("p", { className: "note", textContent:
    "Spearman's rank correlation [95 %] of each metric with the mean rating, within arms: what two arms differ in says nothing " +
    "about whether a metric hears like people. If a metric is better lower, or nearer to the corpus, " +
    "a negative correlation means agreement. Bold: the interval excludes 0. With this many numbers, some do so by chance; " +
    "all of this is exploratory." }),
    part("tune"), part("run")];
}

function key(result) {
  const origin = (tune) => (tune.seed === null ? armName(tune.arm) : `Tune ${tune.index} of ${armName(tune.arm)}, seed ${tune.seed}`);
  const asked = new Set(result.heard.flatMap((trial) => Object.keys(trial.answers)));
  const names = [...Object.keys(result.titles), "preference"].filter((name) => asked.has(name));
  const answer = (trial, name) => {
    const value = trial.answers[name];
    return value === undefined ? "–" : name === "preference" ? "AB"[value - 1] : String(value);
  };
  const columns = [
    ["", (trial) => `${trial.position}${trial.is_repeat ? ", repeated" : ""}`],
    ["origin", (trial) => trial.tunes.map((tune, side) => (trial.tunes.length > 1 ? `${"ABCD"[side]} ` : "") + origin(tune)).join("; ")],
    ...names.map((name) => [result.titles[name] ?? "chosen", (trial) => answer(trial, name)]),
  ];
  return [make("h2", { textContent: "What you heard" }), table(columns, result.heard)];
}

export function showResult(section, result) {
  const count = result.listeners.length;
  const others = result.num_under_way ? ` ${plural(result.num_under_way, "listener")} ${result.num_under_way === 1 ? "has" : "have"} not finished and ${result.num_under_way === 1 ? "is" : "are"} not counted.` : "";
  const intro = make("p", { textContent: (count === 1 ? `One listener: ${result.listeners[0]}.` : `${count} listeners: ${result.listeners.join(", ")}.`) + others });
  const parts = [make("h1", { tabIndex: -1, textContent: "Thank you. Here are the results." }), intro];
  if (result.tables["listening.csv"]) parts.push(...means(result));
  if (result.tables["preferences.csv"]) parts.push(...preferences(result));
  parts.push(...drawn(result));
  if (Object.keys(result.tables).length) parts.push(...trust(result));
  else parts.push(make("p", { textContent: "Nothing was rated." }));
  if (result.tables["agreement.csv"]) parts.push(...agreement(result));
  if (result.heard.length) parts.push(...key(result));
  if (result.files.length) parts.push(make("p", { className: "note files", textContent: `Files: ${result.files.join(", ")}` }));
  section.replaceChildren(...parts);
}
