// Comfort only: every page works without this file.
"use strict";

const MINUTE = 60, HOUR = 3600, DAY = 86400;

function ago(seconds) {
  if (seconds < 45) return "just now";
  if (seconds < HOUR) return `${Math.max(1, Math.round(seconds / MINUTE))} min ago`;
  if (seconds < DAY) return `${Math.round(seconds / HOUR)} h ago`;
  const days = Math.round(seconds / DAY);
  return days < 14 ? `${days} day${days === 1 ? "" : "s"} ago` : null;
}

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    element.title ||= element.textContent;
    const text = ago((Date.now() - Date.parse(element.dateTime)) / 1000);
    element.textContent = text ?? element.title.slice(0, 10);
  }
}

function offerCopies(root) {
  if (!navigator.clipboard) return;
  for (const box of root.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.querySelector("pre").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    box.append(button);
  }
}

// A filter is applied as soon as something is chosen; texts wait for Enter.
function submitFilters() {
  for (const form of document.querySelectorAll("form.filters")) {
    for (const choice of form.querySelectorAll("select")) {
      if (choice.closest("details")) continue;  // one of several conditions
      choice.addEventListener("change", () => form.requestSubmit());
    }
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.value === "") field.disabled = true;
    });
  }
}

// "/" goes to the search of a page.
function hearKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });
}

// What is under way is fetched again when the server says that something changed, and replaced
// where it stands, so that neither the focus nor the place on the page is lost.
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || !("live" in fresh.dataset)) { location.reload(); return; }  // it is done
    if (fresh.innerHTML === part.dataset.was) continue;
    part.dataset.was = fresh.innerHTML;
    part.replaceChildren(...fresh.childNodes);
    showTimes(part);
  }
}

function follow() {
  if (!document.querySelector("[data-live]")) return;
  let waiting = false;
  const soon = () => {
    if (waiting || document.hidden) return;
    waiting = true;
    setTimeout(() => { waiting = false; refresh().catch(() => {}); }, 700);
  };
  const source = new EventSource("/api/events");
  source.onmessage = soon;
  for (const name of ["run", "comparison", "verdict", "evaluation", "job", "progress", "change"]) {
    source.addEventListener(name, soon);
  }
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setInterval(soon, 5000);
  };
  addEventListener("pagehide", () => source.close());
}

showTimes(document);
setInterval(() => showTimes(document), 30000);
offerCopies(document);
submitFilters();
hearKeys();
follow();
