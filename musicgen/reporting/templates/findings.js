
// Findings: every open run has a form that sends a finding to the server and shows it on the page.
const token = document.querySelector("meta[name=token]").content;
const emptyForm = document.getElementById("finding-form").content.firstElementChild;
let author = ""; // the last one given

const hasText = (form) => form.elements.text.value.trim() !== "";

function findingOf(form) {
  const chosen = (name) => form.elements[name]?.value ?? "";
  const points = [...form.querySelectorAll("[data-point]")].filter((select) => select.value !== "");
  const names = ["parameter", "direction", "metric"];
  const hasEffect = chosen("parameter") !== "" || chosen("metric") !== "";
  return {
    text: chosen("text"),
    ratings: Object.fromEntries(points.map((select) => [select.name, Number(select.value)])),
    effect: hasEffect ? Object.fromEntries(names.map((name) => [name, chosen(name)])) : null,
    author: chosen("author").trim() || null,
  };
}

async function post(finding) {
  let response;
  try {
    response = await fetch("/api/finding", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Musicgen-Token": token },
      body: JSON.stringify(finding),
      keepalive: true, // a finding being sent arrives even if the page is closed
    });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(notes, answer) {
  // The server escaped it, and neither the parser nor the security policy runs any script in it.
  const parsed = new DOMParser().parseFromString(answer.item, "text/html").body.firstElementChild;
  notes.querySelector(".findings").append(parsed);
  notes.querySelector(".count").textContent = answer.count;
  for (const cell of document.querySelectorAll("#runs td[data-run]")) {
    if (cell.dataset.run !== notes.dataset.run) continue;
    cell.dataset.value = answer.number;
    cell.firstElementChild.textContent = answer.count;
  }
}

function addForm(notes) {
  if (notes.querySelector("form")) return;
  const form = document.importNode(emptyForm, true);
  const status = form.querySelector(".message");
  let isSending = false;
  const report = (text, isProblem) => {
    status.textContent = text;
    status.classList.toggle("problem", isProblem);
  };
  form.elements.author.value = author;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    try {
      const finding = findingOf(form);
      const answer = await post({ run_id: notes.dataset.run, ...finding });
      show(notes, answer);
      author = form.elements.author.value;
      form.reset();
      form.elements.author.value = author;
      form.elements.text.focus();
      report(`Saved in ${answer.log}`, false);
    } catch (error) {
      report(`Not saved. ${error.message}`, true);
    } finally {
      isSending = false;
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  notes.append(form);
}

for (const notes of document.querySelectorAll(".run-notes")) {
  if (notes.open) addForm(notes);
  notes.addEventListener("toggle", () => {
    if (notes.open) addForm(notes);
  });
}

addEventListener("beforeunload", (event) => {
  if ([...document.querySelectorAll(".finding-form")].some(hasText)) event.preventDefault();
});
