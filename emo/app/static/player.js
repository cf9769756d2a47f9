// The player: waveform and spectrogram with one playhead, seek, selection, zoom and keyboard.
// It reads the block of emo/app/player_data.py, and the selected region from the page.  It sends the
// region as shares of the clip, [] for the whole clip, and once an event that the clip is played.

const LEFT = 46,
  RIGHT = 8; // margins of the images in pixels; the left one has the frequencies
const WAVE = 84,
  GAP = 6,
  PICTURE = 232,
  TIMES = 24; // heights in pixels
const MIN_REGION_S = 0.2; // the models do not analyse less
const MIN_VIEW_S = 0.1;
const STEP_S = 0.1,
  LEAP_S = 1;
const DRAG_PX = 4;
const TICKS_HZ = [100, 300, 600, 1000, 2000, 4000, 7000];
const LOUDEST_DB = 6,
  SOFTEST_DB = -60; // range of the loudness curve

const players = new WeakMap();

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let player = players.get(parentElement);
  if (!player) {
    player = new Player(parentElement);
    players.set(parentElement, player);
  }
  player.send = (region) => setStateValue("region", region);
  player.notePlay = () => setTriggerValue("played", true);
  player.show(data).catch((error) => console.error("player", error));
  return () => setTimeout(() => player.leave(), 0);
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpack(block) {
  const length = new DataView(block.buffer, block.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
  const part = (name) => {
    const [start, size] = header.parts[name];
    return block.subarray(4 + length + start, 4 + length + start + size);
  };
  const clip = { ...header, sound: new Blob([part("sound")], { type: header.mime }) };
  for (const name of ["waveform", "mel", "linear", "pitch", "level"])
    clip[name] = await inflate(part(name));
  clip.waveform = new Int8Array(clip.waveform.buffer);
  clip.pitch = new Uint16Array(clip.pitch.buffer);
  return clip;
}

class Player {
  constructor(root) {
    this.root = root;
    this.audio = new Audio();
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.canvas = this.find("picture");
    this.overlay = this.find("overlay");
    this.slider = this.find("stage");
    this.patches = [];
    this.settings = { scale: "mel", range: 60, pitch: false, level: false };
    this.listen();
  }

  // --- The clip --------------------------------------------------------------------------------

  async show(block) {
    if (
      this.block &&
      this.block.length === block.length &&
      this.block.every((b, i) => b === block[i])
    )
      return;
    const mine = block.slice();
    this.block = mine;
    const clip = await unpack(mine);
    if (mine !== this.block) return; // a newer block arrived in the meantime
    const before = this.clip;
    this.clip = clip;
    this.images = {};
    if (before) this.goOn(clip.duration_s / before.duration_s);
    else {
      this.audio.src = URL.createObjectURL(clip.sound);
      this.time = 0;
      this.view = { from: 0, to: this.end };
      this.region = null;
    }
    if (clip.shown_s) this.view = { from: 0, to: this.end };
    this.write();
    this.takeRegion();
    this.resize();
    this.share({ view: this.view });
    this.find("player").dataset.ready = true;
  }

  // Width of the whole view in seconds: of two players side by side that of the longer clip.
  get end() {
    return this.clip.shown_s ?? this.clip.duration_s;
  }

  // Shows the same clip after an alteration, and plays on from the same share of it.
  goOn(factor) {
    const isPlaying = !this.audio.paused;
    URL.revokeObjectURL(this.audio.src);
    this.audio.src = URL.createObjectURL(this.clip.sound);
    this.time *= factor;
    this.view = { from: this.view.from * factor, to: this.view.to * factor };
    this.region = this.region?.map((time) => time * factor);
    this.audio.currentTime = this.time;
    if (isPlaying) this.audio.play();
  }

  leave() {
    if (this.slider.isConnected) return; // the page was redrawn
    this.audio.pause();
    this.watcher.disconnect();
    this.mutations.disconnect();
    document.removeEventListener("click", this.outside);
    document.removeEventListener("emo-player", this.beside);
  }

  write() {
    const { words } = this.clip;
    for (const element of this.root.querySelectorAll("[data-word]")) {
      const word = words[element.dataset.word];
      if (element.dataset.as === "label") {
        element.setAttribute("aria-label", word);
        element.title = word;
      } else element.textContent = word;
    }
    this.slider.setAttribute("aria-label", words.position);
    this.slider.setAttribute("aria-description", words.keys);
  }

  // Selects the region that the page requests, from a link or the history of the browser.
  takeRegion() {
    const asked = document.querySelector("[data-emo-region]")?.dataset.emoRegion ?? "null";
    if (!this.clip || this.drag || asked === this.asked) return;
    this.asked = asked;
    const share = JSON.parse(asked);
    if (String(share) === String(this.sent ?? null)) return;
    this.sent = share;
    this.region = share?.map((place) => Math.min(Math.max(place, 0), 1) * this.clip.duration_s);
    if (this.region) this.seek(this.region[0]);
    else this.mark();
  }

  // --- Events -----------------------------------------------------------------------------------

  listen() {
    this.find("play").onclick = () => this.toggle();
    this.find("in").onclick = () => this.zoom(0.5);
    this.find("out").onclick = () => this.zoom(2);
    this.find("fit").onclick = () => this.look(0, this.end);
    this.find("clear").onclick = () => this.select(null, true);
    this.find("scale").onchange = (event) => this.set({ scale: event.target.value });
    this.find("range").onchange = (event) => this.set({ range: Number(event.target.value) });
    this.find("pitch").onchange = (event) => this.set({ pitch: event.target.checked });
    this.find("level").onchange = (event) => this.set({ level: event.target.checked });
    this.find("pan").oninput = (event) => this.pan(Number(event.target.value));
    this.slider.onkeydown = (event) => this.press(event);
    this.overlay.onpointerdown = (event) => this.down(event);
    this.overlay.onpointermove = (event) => this.move(event);
    this.overlay.onpointerup = (event) => this.up(event);
    this.overlay.onpointercancel = () => this.cancel();
    this.overlay.onpointerleave = () => {
      this.find("readout").textContent = "";
    };
    this.overlay.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.audio.onplay = this.audio.onpause = () => this.tick();
    this.audio.onended = () => this.seek(this.region ? this.region[0] : 0);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.slider);
    // The timeline is outside the component: its clicks seek, and mark() moves its line.
    this.outside = (event) => {
      const place = event.target.closest?.("[data-emo-seek]")?.getBoundingClientRect();
      if (place && this.clip)
        this.seek(((event.clientX - place.left) / place.width) * this.clip.duration_s);
    };
    document.addEventListener("click", this.outside);
    // Only one of two players plays at a time; side by side they share their view.
    this.beside = ({ detail }) => {
      if (detail.player === this || !this.clip) return;
      if (detail.plays) this.audio.pause();
      if (!this.clip.shown_s) return;
      if (detail.changes) this.adopt(detail.changes);
      if (detail.view) this.view = { ...detail.view };
      this.draw();
    };
    document.addEventListener("emo-player", this.beside);
    // The patches of the explanation are outside the component too, and appear on demand.
    this.mutations = new MutationObserver(() => {
      this.takeRegion();
      const found = document.querySelector("[data-emo-patches]")?.dataset.emoPatches ?? "[]";
      if (found === this.found) return;
      this.found = found;
      this.patches = JSON.parse(found);
      this.draw();
    });
    this.mutations.observe(document.body, { childList: true, subtree: true });
    // A change of theme starts a transition of the text colour.
    this.slider.addEventListener("transitionend", () => this.draw());
  }

  toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (this.region && (this.time < this.region[0] || this.time >= this.region[1] - 0.01))
      this.seek(this.region[0]);
    this.share({ plays: true });
    this.audio.play();
    if (document.querySelector("[data-emo-guide=listen], [data-emo-guide=pick]")) this.notePlay();
  }

  seek(time) {
    this.time = Math.min(Math.max(time, 0), this.clip.duration_s);
    this.audio.currentTime = this.time;
    this.follow();
    this.mark();
  }

  select(region, isDone) {
    this.region = region;
    if (isDone) {
      if (region) this.seek(region[0]);
      this.sent = region?.map((time) => Math.round((1e5 * time) / this.clip.duration_s) / 1e5); // five decimals, as in a link
      this.send(this.sent ?? []);
    }
    this.mark();
  }

  share(detail) {
    document.dispatchEvent(new CustomEvent("emo-player", { detail: { player: this, ...detail } }));
  }

  set(changes) {
    Object.assign(this.settings, changes);
    this.draw();
    this.share({ changes });
  }

  adopt(changes) {
    Object.assign(this.settings, changes);
    for (const [name, value] of Object.entries(changes))
      this.find(name)[typeof value === "boolean" ? "checked" : "value"] = value;
  }

  press(event) {
    const step = event.shiftKey ? LEAP_S : STEP_S;
    const edge = (place) => {
      const [start, stop] = this.region ?? [0, this.clip.duration_s];
      const found = place
        ? [Math.min(start, this.time - MIN_REGION_S), this.time]
        : [this.time, Math.max(stop, this.time + MIN_REGION_S)];
      this.select(this.within(found), true);
    };
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(this.time - step),
      ArrowRight: () => this.seek(this.time + step),
      Home: () => this.seek(0),
      End: () => this.seek(this.clip.duration_s),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.look(0, this.end),
      "[": () => edge(0),
      "]": () => edge(1),
      s: () => edge(0), // on many keyboards a bracket needs three fingers
      e: () => edge(1),
      Escape: () => this.region && this.select(null, true),
    };
    const isTyped = event.key === "[" || event.key === "]"; // with AltGr, which sets Ctrl and Alt
    const isChord = !isTyped && (event.ctrlKey || event.metaKey || event.altKey);
    const action = isChord ? null : (actions[event.key] ?? actions[event.key.toLowerCase()]);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  within([start, stop]) {
    const end = this.clip.duration_s;
    const first = Math.max(0, Math.min(start, end - MIN_REGION_S));
    return [first, Math.min(end, Math.max(stop, first + MIN_REGION_S))];
  }

  down(event) {
    if (event.button !== 0) return;
    this.overlay.setPointerCapture(event.pointerId);
    this.drag = { x: event.offsetX, before: this.region, moved: false };
  }

  move(event) {
    if (!this.drag) return this.read(event);
    if (Math.abs(event.offsetX - this.drag.x) > DRAG_PX) this.drag.moved = true;
    if (!this.drag.moved) return;
    const ends = [this.drag.x, event.offsetX].map((x) =>
      Math.min(this.at(x), this.clip.duration_s),
    );
    this.select(
      ends.sort((a, b) => a - b),
      false,
    );
  }

  up(event) {
    if (!this.drag) return;
    const { moved, before } = this.drag;
    this.drag = null;
    if (!moved) return this.seek(this.at(event.offsetX));
    if (this.region[1] - this.region[0] < MIN_REGION_S) return this.select(before, false);
    this.select(this.region, true);
  }

  cancel() {
    if (this.drag?.moved) this.select(this.drag.before, false);
    this.drag = null;
  }

  wheel(event) {
    if (!event.ctrlKey) return; // scrolls the page; a pinch arrives as Ctrl and wheel
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.at(event.offsetX));
  }

  read(event) {
    const { mel_hz, linear_hz, duration_s, range_db } = this.clip;
    const time = this.at(event.offsetX);
    if (time > duration_s) {
      this.find("readout").textContent = "";
      return;
    }
    const up = (WAVE + GAP + PICTURE - event.offsetY) / PICTURE;
    let text = `${time.toFixed(2)} s`;
    if (up >= 0 && up < 1) {
      const bands = this.settings.scale === "mel" ? mel_hz : linear_hz;
      const band = Math.floor(up * bands.length);
      const levels = this.clip[this.settings.scale];
      const column = Math.min(
        this.clip.columns[this.settings.scale] - 1,
        Math.floor((time / duration_s) * this.clip.columns[this.settings.scale]),
      );
      text += ` · ${Math.round(bands[band])} Hz · ${levels[column * bands.length + band] - range_db} dB`;
    }
    this.find("readout").textContent = text;
  }

  // --- View ------------------------------------------------------------------------------------

  look(from, to) {
    const width = Math.min(this.end, Math.max(MIN_VIEW_S, to - from));
    const start = Math.max(0, Math.min(from, this.end - width));
    this.view = { from: start, to: start + width };
    this.draw();
    this.share({ view: this.view });
  }

  zoom(factor, centre = this.time) {
    const { from, to } = this.view;
    const place = centre < from || centre > to ? (from + to) / 2 : centre;
    this.look(place - (place - from) * factor, place + (to - place) * factor);
  }

  pan(share) {
    const width = this.view.to - this.view.from;
    const start = (share / 1000) * (this.end - width);
    this.look(start, start + width);
  }

  follow() {
    const { from, to } = this.view;
    if (this.time < from || this.time > to)
      this.look(this.time - (to - from) * 0.1, this.time + (to - from) * 0.9);
  }

  at(x) {
    const share = Math.min(1, Math.max(0, (x - LEFT) / this.inner));
    return this.view.from + share * (this.view.to - this.view.from);
  }

  x(time) {
    return LEFT + ((time - this.view.from) / (this.view.to - this.view.from)) * this.inner;
  }

  tick() {
    const playing = !this.audio.paused;
    const { words } = this.clip;
    const button = this.find("play");
    button.dataset.playing = playing;
    button.title = playing ? words.pause : words.play;
    button.setAttribute("aria-label", button.title);
    if (playing) {
      this.time = this.audio.currentTime;
      if (this.region && this.time >= this.region[1]) {
        this.audio.pause();
        this.time = this.region[1];
      }
      this.follow();
      requestAnimationFrame(() => this.tick());
    }
    this.mark();
  }

  // --- Drawing ---------------------------------------------------------------------------------

  resize() {
    if (!this.clip) return;
    const width = this.slider.clientWidth;
    if (!width) return;
    const height = WAVE + GAP + PICTURE + TIMES;
    this.ratio = window.devicePixelRatio || 1;
    this.inner = width - LEFT - RIGHT;
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
      canvas.style.height = `${height}px`;
    }
    this.draw();
  }

  context(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const style = getComputedStyle(this.slider);
    this.ink = style.color;
    this.paper = style.getPropertyValue("--st-background-color") || "#ffffff";
    this.accent = style.getPropertyValue("--st-primary-color") || this.ink;
    context.font = `12px ${style.fontFamily}`;
    return context;
  }

  draw() {
    if (!this.clip || !this.inner) return;
    const context = this.context(this.canvas);
    this.drawWave(context);
    this.drawPicture(context);
    this.drawTimes(context);
    const isWhole = this.view.to - this.view.from > this.end - 1e-6;
    const pan = this.find("pan");
    pan.disabled = isWhole;
    pan.value = isWhole ? 0 : (1000 * this.view.from) / (this.end - this.view.to + this.view.from);
    this.find("fit").disabled = this.find("out").disabled = isWhole;
    this.mark();
  }

  drawWave(context) {
    const { waveform, duration_s, span_s } = this.clip;
    const n = waveform.length / 2;
    const middle = WAVE / 2;
    context.fillStyle = "rgb(128 128 128 / 0.18)";
    for (const [start, stop] of [
      [0, span_s[0]],
      [span_s[1], duration_s],
    ]) {
      const first = Math.max(LEFT, this.x(start));
      const last = Math.min(LEFT + this.inner, this.x(stop));
      if (last > first) context.fillRect(first, 0, last - first, WAVE);
    }
    context.fillStyle = this.accent;
    const step = 1 / this.ratio;
    for (let x = 0; x < this.inner; x += step) {
      const first = Math.floor((this.at(LEFT + x) / duration_s) * n);
      const last = Math.min(
        n,
        Math.max(first + 1, Math.floor((this.at(LEFT + x + step) / duration_s) * n)),
      );
      let low = 127,
        high = -127;
      for (let i = first; i < last; i++) {
        low = Math.min(low, waveform[i]);
        high = Math.max(high, waveform[n + i]);
      }
      if (high >= low)
        context.fillRect(
          LEFT + x,
          middle - (high / 127) * middle,
          step,
          Math.max(1, ((high - low) / 127) * middle),
        );
    }
  }

  image(scale) {
    const key = `${scale}-${this.settings.range}`;
    if (this.images[key]) return this.images[key];
    const n = this.clip.columns[scale];
    const levels = this.clip[scale];
    const bands = levels.length / n;
    const colours = ramp(this.clip.palette, this.clip.range_db, this.settings.range);
    const pixels = new ImageData(n, bands);
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < n; i++)
      for (let band = 0; band < bands; band++)
        words[(bands - 1 - band) * n + i] = colours[levels[i * bands + band]];
    const image = document.createElement("canvas");
    image.width = n;
    image.height = bands;
    image.getContext("2d").putImageData(pixels, 0, 0);
    this.images[key] = image;
    return image;
  }

  drawPicture(context) {
    const { duration_s } = this.clip;
    const { scale } = this.settings;
    const top = WAVE + GAP;
    const image = this.image(scale);
    const from = (this.view.from / duration_s) * image.width;
    const width = ((this.view.to - this.view.from) / duration_s) * image.width;
    context.imageSmoothingEnabled = true;
    context.drawImage(image, from, 0, width, image.height, LEFT, top, this.inner, PICTURE);
    context.fillStyle = this.ink;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const hz of TICKS_HZ) {
      const y = this.y(hz);
      if (scale === "linear" && hz < 1000) continue;
      context.fillText(hz < 1000 ? `${hz}` : `${hz / 1000}k`, LEFT - 8, y);
      context.fillRect(LEFT - 5, y, 4, 1);
    }
    this.drawPatches(context);
    if (this.settings.level)
      this.drawLine(
        context,
        this.clip.level,
        (v) =>
          top + ((v / 2 - this.clip.loudest_db + LOUDEST_DB) / (LOUDEST_DB - SOFTEST_DB)) * PICTURE,
        () => true,
        "#ffffff",
      );
    if (this.settings.pitch)
      this.drawLine(
        context,
        this.clip.pitch,
        (v) => this.y(v / 10),
        (v) => v > 0,
        "#4fe3ff",
      );
  }

  drawPatches(context) {
    context.save();
    context.beginPath();
    context.rect(LEFT, WAVE + GAP, this.inner, PICTURE);
    context.clip();
    for (const [start, stop, low, high, strength, isMarked] of this.patches) {
      const [x, top] = [this.x(start), this.y(high)];
      const [width, height] = [this.x(stop) - x, this.y(low) - top];
      context.fillStyle = `rgb(79 227 255 / ${0.45 * strength})`;
      context.fillRect(x, top, width, height);
      if (!isMarked) continue;
      context.lineWidth = 1.5;
      context.strokeStyle = "#ffffff";
      context.strokeRect(x + 1, top + 1, width - 2, height - 2);
    }
    context.restore();
  }

  y(hz) {
    const bands = this.settings.scale === "mel" ? this.clip.mel_hz : this.clip.linear_hz;
    let i = bands.findIndex((one) => one >= hz);
    if (i < 0) i = bands.length - 1;
    const part = i > 0 ? (hz - bands[i - 1]) / (bands[i] - bands[i - 1]) : 1;
    return (
      WAVE +
      GAP +
      PICTURE -
      ((i - 1 + Math.min(1, Math.max(0, part)) + 0.5) / bands.length) * PICTURE
    );
  }

  drawLine(context, values, y, isThere, colour) {
    context.save();
    context.beginPath();
    context.rect(LEFT, WAVE + GAP, this.inner, PICTURE);
    context.clip();
    for (const [width, style] of [
      [4, "rgb(0 0 0 / 0.7)"],
      [2, colour],
    ]) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.lineJoin = "round";
      context.beginPath();
      let isOn = false;
      const first = Math.max(0, Math.floor(this.view.from / this.clip.frame_s) - 1);
      const last = Math.min(values.length, Math.ceil(this.view.to / this.clip.frame_s) + 1);
      for (let i = first; i < last; i++) {
        if (!isThere(values[i])) {
          isOn = false;
          continue;
        }
        const point = [this.x(i * this.clip.frame_s), y(values[i])];
        if (isOn) context.lineTo(...point);
        else context.moveTo(...point);
        isOn = true;
      }
      context.stroke();
    }
    context.restore();
  }

  drawTimes(context) {
    const width = this.view.to - this.view.from;
    const wanted = width / Math.max(2, this.inner / 90);
    const step =
      [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120].find(
        (one) => one >= wanted,
      ) ?? 300;
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const top = WAVE + GAP + PICTURE;
    context.fillStyle = this.ink;
    context.textBaseline = "top";
    for (let i = Math.ceil(this.view.from / step); i * step <= this.view.to + 1e-9; i++) {
      const x = this.x(i * step);
      context.fillRect(x, top, 1, 4);
      context.textAlign = x > LEFT + this.inner - 20 ? "right" : "center";
      context.fillText(`${(i * step).toFixed(digits)} s`, x, top + 7);
    }
  }

  mark() {
    if (!this.clip || !this.inner) return;
    const context = this.context(this.overlay);
    const bottom = WAVE + GAP + PICTURE;
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, this.inner + 1, bottom);
    context.clip();
    if (this.region) {
      const [first, last] = this.region.map((time) => this.x(time));
      for (const [y, height, colour] of [
        [0, WAVE, this.paper],
        [WAVE + GAP, PICTURE, "#000000"],
      ]) {
        context.fillStyle = colour;
        context.globalAlpha = 0.6;
        context.fillRect(LEFT, y, first - LEFT, height);
        context.fillRect(last, y, LEFT + this.inner - last, height);
        context.globalAlpha = 1;
      }
      for (const [y, height, colour] of [
        [0, WAVE + GAP, this.accent],
        [WAVE + GAP, PICTURE, "#ffffff"],
      ]) {
        context.fillStyle = colour;
        for (const edge of [first, last]) context.fillRect(edge - 1, y, 2, height);
      }
    }
    const x = this.x(this.time);
    context.fillStyle = this.ink;
    context.fillRect(x - 1, 0, 2, WAVE + GAP);
    context.fillStyle = "rgb(0 0 0 / 0.8)";
    context.fillRect(x - 2, WAVE + GAP, 4, PICTURE);
    context.fillStyle = "#ffffff";
    context.fillRect(x - 1, WAVE + GAP, 2, PICTURE);
    context.restore();
    for (const line of document.querySelectorAll("[data-emo-head]"))
      line.style.left = `${(100 * this.time) / this.clip.duration_s}%`;
    this.tell();
  }

  tell() {
    const { words, duration_s } = this.clip;
    const minutes = (tenths) =>
      `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
    const clock = (time) => (duration_s < 60 ? time.toFixed(2) : minutes(Math.round(time * 10)));
    const unit = duration_s < 60 ? " s" : "";
    this.find("time").textContent = `${clock(this.time)} / ${clock(duration_s)}${unit}`;
    this.find("chosen").textContent = this.region
      ? words.chosen
          .replace("{0}", clock(this.region[0]))
          .replace("{1}", clock(this.region[1]) + unit)
      : words.hint;
    this.find("clear").hidden = !this.region;
    this.slider.setAttribute("aria-valuemin", 0);
    this.slider.setAttribute("aria-valuemax", duration_s.toFixed(2));
    this.slider.setAttribute("aria-valuenow", this.time.toFixed(2));
    this.slider.setAttribute("aria-valuetext", `${clock(this.time)}${unit}`);
  }
}

function ramp(palette, deepest, range) {
  const stops = palette.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const colours = new Uint32Array(deepest + 1);
  for (let level = 0; level <= deepest; level++) {
    const place = Math.max(0, (level - deepest + range) / range) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(place));
    const [r, g, b] = [0, 1, 2].map((k) =>
      Math.round(stops[i][k] + (stops[i + 1][k] - stops[i][k]) * (place - i)),
    );
    colours[level] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return colours;
}
