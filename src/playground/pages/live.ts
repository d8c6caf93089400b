// The script of the playground's pages: keeps what is marked `data-live` as it is on the server, without touching what
// somebody is typing, has unfolded, or is looking at; shows times as people say them.
export const liveScript = `
"use strict";
document.documentElement.classList.remove("no-script");
const rules = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [Infinity, 86400, "day"]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
function tellTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time.dateTime)) / 1000));
    const [, size, unit] = rules.find(([below]) => seconds < below);
    time.title = new Date(time.dateTime).toLocaleString();
    time.textContent = seconds < 5 ? "now" : words.format(-Math.floor(seconds / size), unit);
  }
}
const known = new Map();
for (const part of document.querySelectorAll("[data-live]")) known.set(part.id, part.outerHTML);
tellTimes(document);
setInterval(() => tellTimes(document), 5000);
const opened = (part) => [...part.querySelectorAll("details")].map((one) => one.open);
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fresh of next.querySelectorAll("[data-live]")) {
    const before = known.get(fresh.id);
    if (before === fresh.outerHTML) continue;
    known.set(fresh.id, fresh.outerHTML);
    const here = document.getElementById(fresh.id);
    if (here === null) {
      // New: after the one that comes before it on the server's page.
      let previous = fresh.previousElementSibling;
      while (previous && !(previous.id && document.getElementById(previous.id))) previous = previous.previousElementSibling;
      const parent = document.getElementById(fresh.parentElement.id);
      const added = document.importNode(fresh, true);
      added.classList.add("fresh");
      if (previous) document.getElementById(previous.id).after(added);
      else if (parent) parent.prepend(added);
      tellTimes(added);
      continue;
    }
    if (here.contains(document.activeElement) && /^(TEXTAREA|INPUT|SELECT)$/.test(document.activeElement.tagName)) { known.set(fresh.id, before); continue; }
    const unfolded = opened(here);
    const added = document.importNode(fresh, true);
    [...added.querySelectorAll("details")].forEach((one, at) => { if (unfolded[at] !== undefined) one.open = unfolded[at]; });
    if (added.classList.contains("turn")) added.classList.add("fresh");
    here.replaceWith(added);
    tellTimes(added);
  }
  for (const part of document.querySelectorAll("[data-live]")) if (!next.getElementById(part.id)) { known.delete(part.id); part.remove(); }
  if (next.title !== document.title) document.title = next.title;
}
let running = false, again = false;
async function refreshOnce() {
  if (running) { again = true; return; }
  running = true;
  try { do { again = false; await refresh(); } while (again); } catch {} finally { running = false; }
}
const events = new EventSource("/ui/events");
events.onopen = () => document.body.classList.add("is-live");
events.onerror = () => document.body.classList.remove("is-live");
events.onmessage = (event) => { if (event.data !== document.body.dataset.version) { document.body.dataset.version = event.data; void refreshOnce(); } };
addEventListener("change", (event) => { if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit(); });
addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && event.target.matches("textarea")) event.target.form.requestSubmit(); });
`;
