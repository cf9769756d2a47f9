// A map of clips: a button for each, with the sign of an emotion, which plays the clip by the
// component "sound".  The map is one tab stop; the arrow keys go to the nearest clip on a side.  The
// same is in a table, for who does not see it.

const maps = new WeakMap();
const SIDES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const MAX_LARGE = 20; // clips with large targets, which would cover each other in a full map
const COLUMNS = ["clip", "answer", "expected", "nearest"];

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let map = maps.get(parentElement);
  if (!map) {
    map = new ClipMap(parentElement);
    maps.set(parentElement, map);
  }
  map.ask = (id) => setTriggerValue("play", id);
  map.show(data);
  return () => setTimeout(() => map.leave(), 0);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

class ClipMap {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.plane = this.find("plane");
    this.buttons = [];
    this.state = ({ detail }) => {
      this.playing = detail.playing;
      this.mark();
    };
    document.addEventListener("emo-sound-state", this.state);
    this.plane.onkeydown = (event) => this.move(event);
    this.plane.onpointerover = (event) => this.describe(event.target.closest("button"));
    this.plane.onpointerleave = () => this.describe(null);
    this.plane.addEventListener(
      "focusin",
      (event) => event.target.matches(":focus-visible") && this.describe(event.target),
    );
    this.plane.addEventListener("focusout", () => this.describe(null));
  }

  leave() {
    if (!this.plane.isConnected) document.removeEventListener("emo-sound-state", this.state);
  }

  show(data) {
    const key = JSON.stringify(data);
    if (key === this.key) return;
    this.key = key;
    const { points, labels, signs, words } = data;
    const focused = this.plane.getRootNode().activeElement?.dataset.id;
    this.plane.setAttribute("aria-label", words.map);
    this.words = words;
    this.points = points;
    this.plane.classList.toggle("dense", points.length > MAX_LARGE);
    const sign = (label) => {
      const element = make("span", "sign");
      const [light, dark, shape] = signs[label] ?? signs.neutral;
      const isKnown = label in signs;
      element.style.setProperty(
        "--colour",
        isKnown ? `light-dark(${light}, ${dark})` : "rgb(128 128 128)",
      );
      element.style.setProperty("--shape", isKnown ? shape : "none");
      if (!isKnown) element.style.borderRadius = "50%";
      return element;
    };
    this.buttons = points.map((point) => {
      const button = make("button", point.faint ? "faint" : "");
      button.type = "button";
      button.dataset.id = point.id;
      button.style.left = `${100 * point.x}%`;
      button.style.top = `${100 * point.y}%`;
      button.setAttribute(
        "aria-label",
        `${words.play.replace("{0}", () => point.name)}, ${point.answer}`,
      );
      button.append(sign(point.label));
      button.onclick = () => {
        this.setCurrent(button);
        const detail = { id: point.id, handled: false };
        document.dispatchEvent(new CustomEvent("emo-sound", { detail }));
        if (!detail.handled) this.ask(point.id);
      };
      return button;
    });
    const box = make("div", "points");
    box.append(...this.buttons);
    this.plane.querySelector(".points")?.remove();
    this.plane.prepend(box);
    this.find("legend").replaceChildren(
      ...labels.map((label) => {
        const item = make("li");
        item.append(sign(label), label);
        return item;
      }),
    );
    this.write();
    this.describe(null);
    this.setCurrent(this.buttons.find((one) => one.dataset.id === focused) ?? this.buttons[0]);
    if (focused) this.current.focus();
    this.mark();
  }

  // Fill the table, which holds what the map shows.
  write() {
    const { words } = this;
    this.find("caption").textContent = words.caption;
    this.find("head").replaceChildren(
      ...COLUMNS.map((name) => {
        const head = make("th", "", words[name]);
        head.setAttribute("scope", "col");
        return head;
      }),
    );
    this.find("body").replaceChildren(
      ...this.points.map((point) => {
        const row = make("tr");
        const name = make("th", "", point.name);
        name.setAttribute("scope", "row");
        row.append(
          name,
          ...[point.answer, point.expected || words.none, point.nearest].map((text) =>
            make("td", "", text),
          ),
        );
        return row;
      }),
    );
  }

  // Make a clip the one that the Tab key moves to.
  setCurrent(button) {
    this.current = button;
    for (const one of this.buttons) one.tabIndex = one === button ? 0 : -1;
  }

  move(event) {
    if (event.key === "Escape") this.describe(null);
    const side = SIDES[event.key];
    if (!side || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const middle = (button) => {
      const box = button.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    };
    const [x, y] = middle(this.current);
    let best = null;
    for (const button of this.buttons) {
      const [dx, dy] = [middle(button)[0] - x, middle(button)[1] - y];
      const ahead = dx * side[0] + dy * side[1];
      if (button === this.current || ahead <= 0) continue;
      const cost = ahead + 2 * Math.abs(dx * side[1] + dy * side[0]);
      if (!best || cost < best.cost) best = { button, cost };
    }
    if (!best) return;
    this.setCurrent(best.button);
    best.button.focus();
  }

  mark() {
    for (const button of this.buttons)
      button.classList.toggle("playing", button.dataset.id === this.playing);
  }

  // Show name and answer of a clip in a tooltip above it; hide the tooltip for null.
  describe(button) {
    const tooltip = this.find("tooltip");
    tooltip.hidden = !button;
    if (!button) return;
    const point = this.points.find((one) => one.id === button.dataset.id);
    const { answer, expected, name } = point;
    tooltip.replaceChildren(
      make("b", "", name),
      expected ? `${answer} · ${this.words.expected}: ${expected}` : answer,
    );
    const frame = this.plane.getBoundingClientRect();
    const box = button.getBoundingClientRect();
    const left = box.left - frame.left + box.width / 2 - tooltip.offsetWidth / 2;
    const top = box.top - frame.top - tooltip.offsetHeight - 4;
    tooltip.style.left = `${Math.max(0, Math.min(left, frame.width - tooltip.offsetWidth))}px`;
    tooltip.style.top = `${top < 0 ? box.bottom - frame.top + 4 : top}px`;
  }
}
