// The arrow keys walk through the clips beside a matrix: each is played when it is reached.

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

function walk(event) {
  const step = STEPS[event.key];
  const drawer = event.target.closest(".st-key-drawer");
  if (!step || !drawer || event.altKey || event.ctrlKey || event.metaKey) return;
  const clips = [...drawer.querySelectorAll(".st-key-clips [class*='st-key-play-'] button")];
  const place = clips.indexOf(event.target);
  if (place < 0) return;
  event.preventDefault();
  const next = clips[place + step];
  next?.focus();
  next?.click();
}

export default function () {
  document.addEventListener("keydown", walk); // once, however often the clips are drawn
  return () => document.removeEventListener("keydown", walk);
}
