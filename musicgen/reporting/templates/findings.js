
// Findings: a field in every run that is open, whose words go to the server, into the log and onto the page.
const token = document.querySelector("meta[name=token]").content;
const emptyForm = document.getElementById("finding-form").content.firstElementChild;
let author = ""; // as it was given last

const isWritten = (form) => form.elements.text.value.trim() !== "";

function told(form) {
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
      keepalive: true, // words on their way arrive even if the page is left
    });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(notes, answer) {
  // The server escaped it; what is parsed here runs nothing, and the policy lets nothing run.
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
  const status = form.querySelector(".told");
  let isSending = false;
  const tell = (text, isProblem) => {
    status.textContent = text;
    status.classList.toggle("problem", isProblem);
  };
  form.elements.author.value = author;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    try {
      const finding = told(form);
      const answer = await post({ run_id: notes.dataset.run, ...finding });
      show(notes, answer);
      author = form.elements.author.value;
      form.reset();
      form.elements.author.value = author;
      form.elements.text.focus();
      tell(`Written down in ${answer.log}`, false);
    } catch (error) {
      tell(`Not saved. ${error.message}`, true);
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
  if ([...document.querySelectorAll(".finding-form")].some(isWritten)) event.preventDefault();
});
