"""Scripts that note in the page what came when, for ``bench/app.py``."""

# Notes when an event came, and when the page was first as wished at least, and as wished, each once
# it is painted.  What is wished must be new on the page: a script idles before it has begun, too.
NOTE = """([event, wished, least]) => {
  const [there, nearly] = [wished, least].map(one => new Function(`return ${one}`));
  const note = window.emoNote = { from: null, first: null, to: null };
  const tell = name => requestAnimationFrame(() => setTimeout(() =>
    (note[name] ??= performance.now())));
  const look = () => {
    if (note.first === null && nearly()) tell('first');
    if (!there()) return;
    observer.disconnect();
    tell('to');
  };
  const observer = new MutationObserver(look);
  observer.observe(document.documentElement,
    { childList: true, subtree: true, attributes: true, characterData: true });
  if (event) document.addEventListener(event, e => (note.from = e.timeStamp),
    { capture: true, once: true });
  performance.clearResourceTimings();
}"""
# Notes when the player, its lanes and the answers to the whole are there.
NOTE_TALK = """() => {
  const note = window.emoTalk = { player: null, lanes: null, answers: null };
  const part = wished => [...document.querySelectorAll('.st-key-sound *')]
    .some(one => one.shadowRoot?.querySelector(wished));
  const look = () => {
    const now = performance.now();
    if (part('[data-part=player][data-ready=true]')) note.player ??= now;
    if (part('[data-lanes=done]')) note.lanes ??= now;
    if (document.querySelector('h2.emo-verdict')) note.answers ??= now;
    if (Object.values(note).includes(null)) requestAnimationFrame(look);
  };
  performance.clearResourceTimings();
  look();
}"""
# Notes the milliseconds from the sound to each live answer, once that is painted.
NOTE_LIVE = """answer => {
  window.emoDelays = [];
  const look = () => {
    const [delay, at] = [Number(answer.dataset.delayMs), performance.now()];
    requestAnimationFrame(() => setTimeout(() =>
      window.emoDelays.push(delay + performance.now() - at)));
  };
  new MutationObserver(look).observe(answer, { attributeFilter: ['data-delay-ms'] });
}"""
CHARTS_ARE_FETCHED = (
    "() => performance.getEntriesByType('resource')"
    ".some(file => file.name.includes('/PlotlyChart.'))"
)
UPLOADED = """() => performance.getEntriesByType('resource')
  .filter(entry => entry.name.includes('/upload_file/')).at(-1).responseEnd"""

LOADED = """() => {
  const [document] = performance.getEntriesByType('navigation');
  return performance.getEntriesByType('resource')
    .filter(entry => entry.responseEnd <= document.domContentLoadedEventStart)
    .reduce((sum, entry) => sum + entry.transferSize, document.transferSize);
}"""

# The sum of the layout shifts that follow no action (Cumulative Layout Shift).
SHIFTS = """() => new Promise((resolve) => {
  let total = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) total += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(total), 200);
})"""
