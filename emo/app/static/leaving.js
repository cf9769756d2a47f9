// Ask before the tab is closed or reloaded while a clip of the visitor's own is there: it is in no
// file of this server. The browser asks in its own words.

const ask = (event) => event.preventDefault();

export default function ({ data: [hasOwnClip] }) {
  // The same function is added once, however often the page is drawn.
  if (hasOwnClip) window.addEventListener("beforeunload", ask);
  else window.removeEventListener("beforeunload", ask);
}
