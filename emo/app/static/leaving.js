// Ask before the tab is closed or reloaded, as long as this component is on the page: then a clip of
// the visitor's own is there, which no server keeps. The browser asks in its own words.

const ask = (event) => event.preventDefault();

export default function () {
  window.addEventListener("beforeunload", ask); // once, however often the page is drawn
  return () => window.removeEventListener("beforeunload", ask);
}
