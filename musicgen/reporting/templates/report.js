"use strict";

// Play one song at a time, and move a line through its piano roll.
for (const song of document.querySelectorAll(".song")) {
  const audio = song.querySelector("audio");
  if (!audio) continue;
  const rows = [...song.querySelectorAll(".roll .row")];
  const width = rows.length ? song.querySelector(".roll").viewBox.baseVal.width : 0;
  const show = () => {
    for (const row of rows) {
      const line = row.querySelector(".playhead");
      const place = (audio.currentTime - Number(row.dataset.start)) / Number(row.dataset.seconds);
      const here = place >= 0 && place < 1 && audio.currentTime > 0;
      line.setAttribute("visibility", here ? "visible" : "hidden");
      if (here) for (const end of ["x1", "x2"]) line.setAttribute(end, (place * width).toFixed(1));
    }
  };
  const follow = () => {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  };
  const prefersStillness = matchMedia("(prefers-reduced-motion: reduce)").matches;
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    if (!prefersStillness) follow();
  });
  audio.addEventListener("timeupdate", show);
  audio.addEventListener("seeked", show);
}

// Clicking a heading sorts its table; equal rows keep their order, empty cells go last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.value ?? cell.textContent).trim();
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const isDescending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      const isNumeric = rows.every(([text]) => text === "" || text === "nan" || Number.isFinite(Number(text)));
      const isMissing = (text) => text === "" || text === "nan" || text === "–";
      rows.sort(([a], [b]) => {
        if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b));
        const order = isNumeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
        return isDescending ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}

// A link to the findings about a run opens them and everything they are nested in.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target?.matches(".run-notes")) return;
  for (let one = target; one; one = one.parentElement) if (one.matches("details")) one.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();

// A button copies a command, if the browser allows it.
for (const command of navigator.clipboard ? document.querySelectorAll(".command") : []) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(command.querySelector("code"));
      button.textContent = "Selected";
    }
  });
  command.append(button);
}
