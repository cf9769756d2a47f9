// What the cards of Listen and of a review share: a clip that is played, seven answers, and keys.

const cards = new WeakMap();
const TYPED = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const PRESSED =
  "button, a, summary, [type=checkbox], [role=slider], [role=tab], [role=radio], [role=menuitem]";

export function showCard(Kind, { data, parentElement, setTriggerValue }) {
  let card = cards.get(parentElement);
  if (!card) {
    card = new Kind(parentElement);
    cards.set(parentElement, card);
  }
  card.send = setTriggerValue;
  card.show(data);
  return () => setTimeout(() => card.leave(), 0);
}

export function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function unpack(block) {
  const length = new DataView(block.buffer, block.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
  for (const [i, sound] of header.sounds.entries()) {
    const [start, size] = header.parts[i];
    const bytes = block.slice(4 + length + start, 4 + length + start + size);
    sound.blob = new Blob([bytes], { type: sound.mime });
  }
  return header;
}

const clock = (time) => `${time.toFixed(1)} s`;

export class Card {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.card = this.find("card");
    this.audio = new Audio();
    this.audio.onplay = this.audio.onpause = this.audio.onended = () => this.tick();
    this.find("play").onclick = () => this.toggle();
    this.press = (event) => this.onKey(event);
    document.addEventListener("keydown", this.press);
  }

  load(place) {
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.sound = this.data.sounds[place];
    this.audio.src = URL.createObjectURL(this.sound.blob);
  }

  stop() {
    this.audio.pause();
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.audio.removeAttribute("src");
  }

  leave() {
    if (this.card.isConnected) return; // the page was redrawn
    this.stop();
    document.removeEventListener("keydown", this.press);
  }

  // Whether a key is meant for the card: it was pressed once, alone, and not to type.
  takes(event) {
    if (!this.card.isConnected || event.defaultPrevented || event.repeat) return false;
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    return !event.composedPath()[0].matches?.(TYPED);
  }

  isPressed(event) {
    return event.composedPath()[0].matches?.(PRESSED);
  }

  // Sends a wish once; the page answers it with another state.
  ask(name, value) {
    if (this.isAsked) return false;
    this.isAsked = this.hasActed = true;
    this.send(name, value);
    return true;
  }

  say(text) {
    this.find("note").textContent = "";
    requestAnimationFrame(() => {
      this.find("note").textContent = text;
    });
  }

  // --- Sound -------------------------------------------------------------------------------------

  toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (this.audio.ended) this.audio.currentTime = 0;
    this.audio.play().then(
      () => this.begin(),
      () => {
        this.begin(); // who cannot play it may still guess
        this.say(this.data.words.no_sound);
      },
    );
  }

  begin() {
    this.isHeard = true;
    this.card.dataset.heard = true;
    this.find("note").textContent = "";
  }

  get isPlaying() {
    return !this.audio.paused && !this.audio.ended;
  }

  markPlay() {
    const { words } = this.data;
    const button = this.find("play");
    button.dataset.playing = this.isPlaying;
    button.title = this.isPlaying ? words.pause : words.play;
    button.setAttribute("aria-label", button.title);
    this.mark(this.audio.ended ? 0 : this.audio.currentTime);
  }

  mark(time) {
    if (!this.sound) return;
    const { duration_s } = this.sound;
    this.find("wave").style.setProperty("--played", `${(100 * time) / duration_s}%`);
    this.find("time").textContent = clock(time || duration_s);
  }

  writeWave() {
    const space = "http://www.w3.org/2000/svg";
    const { loudness } = this.sound;
    const path = loudness
      .map((level, i) => `M${i * 4 + 2} ${50 - Math.max(level, 4) / 2}v${Math.max(level, 4)}`)
      .join("");
    const layers = ["all", "played"].map((name) => {
      const picture = document.createElementNS(space, "svg");
      picture.setAttribute("viewBox", `0 0 ${loudness.length * 4} 100`);
      picture.setAttribute("preserveAspectRatio", "none");
      picture.setAttribute("class", name);
      const line = document.createElementNS(space, "path");
      line.setAttribute("d", path);
      picture.append(line);
      return picture;
    });
    this.find("wave").replaceChildren(...layers);
  }

  // --- Answers -----------------------------------------------------------------------------------

  // A button for each answer, with its key; those beyond the emotions have no sign.
  choiceButton(label, name, key, onclick) {
    const button = make("button", "choice");
    button.type = "button";
    button.dataset.label = label;
    button.setAttribute("aria-keyshortcuts", key);
    button.onclick = onclick;
    const digit = make("kbd", "", key);
    digit.setAttribute("aria-hidden", true);
    if (this.data.signs[label]) button.append(this.sign(label));
    button.append(make("span", "", name), digit);
    return button;
  }

  sign(label) {
    const sign = make("span", "sign");
    sign.setAttribute("aria-hidden", true);
    const [light, dark, shape] = this.data.signs[label];
    sign.style.setProperty("--colour", `light-dark(${light}, ${dark})`);
    sign.style.setProperty("--shape", shape);
    return sign;
  }
}
