"use strict";
const search = document.getElementById("search");
const news = document.getElementById("news");
const rows = Array.from(document.querySelectorAll("tbody tr"));
const names = rows.map((row) => row.querySelector("a").textContent.toLowerCase());

for (const part of document.querySelectorAll(".tools, .line")) part.hidden = false;

function filter() {
  const words = search.value.toLowerCase().split(/\s+/);
  let shown = 0;
  rows.forEach((row, at) => {
    row.hidden = !words.every((word) => names[at].includes(word));
    if (!row.hidden) shown += 1;
  });
  news.textContent = search.value ? `${shown} of ${rows.length} shown` : "";
}

// Without https browsers have no navigator.clipboard: then the old way does.
async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) {
      // not allowed: the old way may be
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const line = `${button.dataset.verb} ${location.origin}${button.dataset.href}`;
  const done = await copy(line);
  button.focus();
  news.textContent = done ? `Copied: ${line}` : line;
});

search.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    filter();
  } else if (
    event.key.length === 1 && event.key !== " " &&
    !event.ctrlKey && !event.altKey && !event.metaKey &&
    !event.target.closest("input, button")
  ) {
    search.focus(); // and the key lands there
  }
});
filter();
