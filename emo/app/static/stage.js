// The stage of the page Analyse: announces the verdict, keeps opened rows open when the answers are
// drawn anew, and plays the clip from the strip at the bottom of a phone.

const opened = new Set(); // keys of the rows that the visitor opened
let isListening = false;

export default function ({ data, parentElement }) {
  const said = parentElement.querySelector('[data-part="said"]');
  if (said.textContent !== data[0]) said.textContent = data[0];
  listen();
  return () => {};
}

function listen() {
  if (isListening) return;
  isListening = true;
  // A row that is drawn anew is closed; "toggle" does not bubble.
  document.addEventListener("click", remember, true);
  document.addEventListener("click", play);
  new MutationObserver(reopen).observe(document.body, { childList: true, subtree: true });
}

function remember(event) {
  const row = event.target.closest?.("details[data-emo-keep] > summary")?.parentElement;
  if (!row) return;
  const key = row.dataset.emoKeep;
  if (row.open) opened.delete(key);
  else opened.add(key);
}

function reopen() {
  for (const row of document.querySelectorAll("details[data-emo-keep]:not([open])"))
    if (opened.has(row.dataset.emoKeep)) row.open = true;
}

function play(event) {
  if (!event.target.closest?.("[data-emo-play]")) return;
  for (const host of document.querySelectorAll(".st-key-sound *"))
    host.shadowRoot?.querySelector('[data-part="play"]')?.click();
}
