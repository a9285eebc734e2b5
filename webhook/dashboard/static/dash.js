// Keeps a page as it is now: hears that something has changed, asks for the page again, and puts
// its live pieces in place. Without this script the pages are complete, and as old as they are.
"use strict";

// Milliseconds: between two looks at most, without news, until a stream that is silent is doubted.
const BUSY = 1000, QUIET = 30000, TICK = 5000;

const main = document.getElementById("main");
const pulse = document.getElementById("pulse");
const said = document.getElementById("said");

// The server's clock, as far as it is ahead of this one.
let ahead = main.dataset.now ? Date.parse(main.dataset.now) - Date.now() : 0;
// Whether the service itself waits for a git host.
const behind = () => document.querySelector("#host aside") !== null;
const live = () => main.hasAttribute("data-refresh");

function span(seconds) {
  for (const [limit, size, sign] of [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]])
    if (seconds < limit) return `${Math.floor(seconds / size)} ${sign}`;
  return "";
}

function relative(time) {
  const away = (Date.parse(time) - Date.now() - ahead) / 1000;
  if (Math.abs(away) < 1) return "now";
  return away > 0 ? `in ${span(away)}` : `${span(-away)} ago`;
}

function tick() {
  for (const one of document.querySelectorAll("time[data-relative]")) {
    const text = relative(one.getAttribute("datetime"));
    if (one.textContent !== text) one.textContent = text;
  }
}

let timer = 0, asking = false, again = false, last = 0;

function soon() {
  if (!live() || timer) return;
  timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(40, last + BUSY - Date.now()));
}

async function refresh() {
  if (asking) { again = true; return; }
  if (document.hidden) { again = true; return; }
  asking = true;
  last = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { "X-Fragment": "1" }, cache: "no-store" });
    if (answer.status === 401) { location.reload(); return; }
    if (answer.ok) replace(await answer.text());
    show(answer.ok ? "live" : "lost");
  } catch {
    show("lost");
  } finally {
    asking = false;
    if (again && !document.hidden) { again = false; soon(); }
  }
}

function replace(text) {
  const found = new DOMParser().parseFromString(text, "text/html");
  const now = found.getElementById("main");
  if (!now) return;
  if (now.dataset.now) {
    main.dataset.now = now.dataset.now;
    ahead = Date.parse(now.dataset.now) - Date.now();
  }
  for (const here of main.querySelectorAll("[data-live]")) {
    const there = found.getElementById(here.id);
    if (there) morph(here, there);
  }
  tick();
}

const STATES = { live: "Live", behind: "The git host does not answer", lost: "Not connected, trying again", past: "The past stands still", still: "Not live" };

function show(state) {
  if (!pulse) return;
  const found = state === "live" && behind() ? "behind" : state;
  const now = live() ? found : document.querySelector(".past") ? "past" : "still";
  if (pulse.dataset.state === now) return;
  pulse.dataset.state = now;
  pulse.textContent = STATES[now];
  pulse.hidden = false;
}

function listen() {
  if (!live() || !pulse) return show("still");
  const source = new EventSource(pulse.dataset.events);
  // What happened before the stream was open is seen by looking once more.
  source.addEventListener("ready", () => { show("live"); soon(); });
  for (const name of ["change", "message"]) source.addEventListener(name, soon);
  source.addEventListener("error", () => {
    show("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    // Whoever is logged out meanwhile learns it by looking.
    soon();
    setTimeout(listen, TICK);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

// Buttons act without leaving the page; what was refused is said.
async function act(form, button) {
  button.disabled = true;
  try {
    const fields = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body: fields });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const problem = page.querySelector("[data-problem]");
    tell(problem ? problem.dataset.problem : answer.ok ? "" : "That did not work.");
    if (answer.ok) form.closest("details")?.removeAttribute("open");
  } catch {
    tell("The service does not answer.");
  } finally {
    button.disabled = false;
    refresh();
  }
}

let told = 0;
function tell(text) {
  clearTimeout(told);
  said.textContent = text;
  if (text) told = setTimeout(() => { said.textContent = ""; }, 8000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-quick]")) {
    event.preventDefault();
    act(form, event.submitter || form.querySelector("button"));
  } else if (form.matches(".theme") && event.submitter) {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    document.documentElement.dataset.theme = event.submitter.value;
    for (const one of form.querySelectorAll("button"))
      one.setAttribute("aria-pressed", String(one === event.submitter));
    fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
  }
});

// One menu is open at a time; Escape and a click elsewhere close it.
document.addEventListener("click", (event) => {
  for (const one of document.querySelectorAll("details.menu[open]"))
    if (!one.contains(event.target)) one.removeAttribute("open");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const one of document.querySelectorAll("details.menu[open]")) {
    one.removeAttribute("open");
    if (one.contains(document.activeElement)) one.querySelector("summary").focus();
  }
});

// Whoever opens a menu that asks for something goes on typing. (The event does not bubble.)
document.addEventListener("toggle", (event) => {
  if (event.target.open) event.target.querySelector("form.sheet input:not([type=hidden])")?.focus();
}, true);

addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
document.querySelector('.shell nav [aria-current]')?.scrollIntoView({ block: "nearest", inline: "center" });
setInterval(() => { tick(); if (behind()) soon(); }, TICK);
setInterval(soon, QUIET);
tick();
listen();
