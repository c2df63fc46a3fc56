"use strict";
const SHOWN_MAX = 100;
const root = document.documentElement;
const list = document.getElementById("list");
const live = document.getElementById("live");
const news = document.getElementById("news");
const empty = document.getElementById("empty");

const opened = matchMedia("(max-width: 34rem)").matches ? 0 : 3; // with their steps

function ago(seconds) {
  if (seconds < 2) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

// The server's clock and this one may differ: what counts is the server's.
let shift = Date.parse(live.querySelector("time").dateTime) - Date.now();

function tellTimes() {
  const now = Date.now() + shift;
  for (const time of document.querySelectorAll(".seen time")) {
    const text = ago(Math.max(0, (now - Date.parse(time.dateTime)) / 1000));
    if (time.textContent !== text) time.textContent = text;
  }
}

function localTimes(part) {
  for (const time of part.querySelectorAll(".at time")) {
    const when = new Date(Date.parse(time.dateTime) - shift);
    time.textContent = when.toLocaleTimeString([], { hour12: false });
    time.title = when.toLocaleString();
  }
}

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // written by the server's template, which escapes names
  return template.content;
}

// Whoever is reading a part, by keyboard or with a screen reader, stays where he is.
function swap(old, fresh) {
  const marks = "a, summary";
  const at = Array.from(old.querySelectorAll(marks)).indexOf(document.activeElement);
  old.replaceWith(fresh);
  if (at >= 0) fresh.querySelectorAll(marks)[at]?.focus();
}

function placeMachine(html) {
  const fresh = fragment(html).firstElementChild;
  const old = document.getElementById(fresh.id);
  const name = fresh.querySelector("h3").textContent;
  const stopped = fresh.classList.contains("stopped");
  localTimes(fresh);
  if (old) {
    fresh.querySelector("details").open = old.querySelector("details").open;
    if (stopped && !old.classList.contains("stopped")) say(fresh, name);
    swap(old, fresh);
  } else {
    fresh.classList.add("new");
    fresh.querySelector("details").open = opened > 0;
    list.prepend(fresh);
    if (stopped) say(fresh, name);
    else news.textContent = `${name} asks how to boot.`;
  }
  while (list.children.length > SHOWN_MAX) list.lastElementChild.remove();
  empty.hidden = true;
}

function say(machine, name) {
  news.textContent = `${name} stopped. ${machine.querySelector(".why").textContent}`;
}

function fill(id, html) {
  const place = document.getElementById(id);
  // A bar that goes on stays the same element, so that nobody loses his place.
  const fresh = fragment(html);
  const before = place.querySelectorAll("progress");
  const after = fresh.querySelectorAll("progress");
  const same = before.length > 0 && before.length === after.length &&
    Array.from(after).every((bar, at) => bar.ariaLabel === before[at].ariaLabel);
  if (same) {
    const words = place.querySelectorAll(".rate");
    fresh.querySelectorAll(".rate").forEach((text, at) => {
      words[at].textContent = text.textContent;
      before[at].value = after[at].value;
    });
  } else {
    place.replaceChildren(fresh);
  }
}

function watch() {
  const source = new EventSource(`/_fastboot/events/${root.dataset.version}`);
  const parts = { findings: "findings", downloads: "downloads" };
  source.addEventListener("open", () => {
    live.className = "on";
    live.textContent = "Live";
  });
  source.addEventListener("hello", (event) => {
    const { began, now } = JSON.parse(event.data);
    shift = Date.parse(now) - Date.now();
    // Another server's versions mean nothing here.
    if (began !== root.dataset.began) location.reload();
  });
  source.addEventListener("machine", (event) => placeMachine(JSON.parse(event.data).html));
  for (const [name, id] of Object.entries(parts)) {
    source.addEventListener(name, (event) => fill(id, JSON.parse(event.data).html));
  }
  source.addEventListener("error", () => {
    live.className = "off";
    live.textContent = "The server does not answer; trying again …";
    if (source.readyState === EventSource.CLOSED) setTimeout(watch, 5000);
  });
}

localTimes(document);
Array.from(list.children).slice(0, opened).forEach((machine) => {
  machine.querySelector("details").open = true;
});
tellTimes();
setInterval(tellTimes, 1000);
watch();
