// The player: waveform, spectrogram and lanes with one playhead, seek, selection, zoom and keyboard.
// It reads the block of emo/app/player_data.py, and the selected region and the lanes from
// the page.  It sends the region as shares of the clip, [] for the whole clip, and once an
// event that the clip is played.  The files player_drawing.js and player_files.js belong to it.

const MIN_VIEW_S = 0.1;
const STEP_S = 0.1,
  LEAP_S = 1;
const DRAG_PX = 4;
const GRIP_PX = { mouse: 7, touch: 22, pen: 14 }; // to either side of an edge of the region
const HALF_SPEED = 0.5;
const USES_SPACE =
  "input:not([type=range]), textarea, select, button, summary, audio, video, [contenteditable], " +
  "[role=button], [role=checkbox], [role=combobox], [role=gridcell], [role=menuitem], " +
  "[role=option], [role=radio], [role=switch], [role=tab], [role=textbox]";

const players = new WeakMap();
const live = new Set(); // players on the page
const kept = { volume: 1, isSlow: false, isLooped: false }; // from one clip to the next

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
    this.settings = { scale: "mel", range: 60, pitch: false, level: false };
    this.drawing = new Drawing(this.settings);
    this.refusal = "";
    live.add(this);
    this.listen();
  }

  get view() {
    return this.drawing.view;
  }

  set view(view) {
    this.drawing.view = view;
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
    this.drawing.take(clip);
    if (before) this.goOn(clip.duration_s / before.duration_s);
    else {
      this.audio.src = URL.createObjectURL(clip.sound);
      this.time = 0;
      this.view = { from: 0, to: this.end };
      this.region = null;
    }
    if (clip.shown_s) this.view = { from: 0, to: this.end };
    this.write();
    this.tune();
    this.takeRegion();
    this.lanesText = undefined;
    this.takeLanes();
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
    live.delete(this);
    this.audio.pause();
    this.watcher.disconnect();
    this.mutations.disconnect();
    document.removeEventListener("click", this.outside);
    document.removeEventListener("pointerdown", this.closeMenus);
    document.removeEventListener("keydown", this.anywhere);
    document.removeEventListener("emo-player", this.beside);
  }

  write() {
    const { words } = this.clip;
    for (const element of this.root.querySelectorAll("[data-word]")) {
      const word = words[element.dataset.word];
      if (!element.dataset.as) element.textContent = word;
      else {
        element.title = word;
        if (element.dataset.as === "label") element.setAttribute("aria-label", word);
      }
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

  // Takes the lanes of this clip, which the page writes beside the player as answers come.
  takeLanes() {
    if (!this.clip?.lanes.length) return;
    const found = document.querySelector("[data-emo-lanes]")?.dataset.emoLanes;
    if (!found || found === this.lanesText) return;
    this.lanesText = found;
    const lanes = readLanes(found);
    if (lanes.key !== this.clip.key) return; // of the clip before
    this.drawing.lanes = lanes;
    const isAsBefore = String(lanes.names) === String(this.drawing.layout.lanes.map((l) => l.name));
    if (!isAsBefore) this.drawing.nameLanes(lanes.names);
    const { words } = this.clip;
    const isDone = lanes.spans.length >= lanes.total;
    this.find("progress").textContent = isDone
      ? ""
      : words.progress.replace("{0}", lanes.spans.length).replace("{1}", lanes.total);
    this.slider.dataset.lanes = isDone ? "done" : "coming";
    if (isAsBefore) this.drawLanes();
    else this.resize();
  }

  // --- Events -----------------------------------------------------------------------------------

  listen() {
    this.find("play").onclick = () => this.toggle();
    this.find("part").onclick = () => this.playPart();
    this.find("loop").onclick = () => this.keep({ isLooped: !kept.isLooped });
    this.find("slow").onclick = () => this.keep({ isSlow: !kept.isSlow });
    this.find("volume").oninput = (event) => this.keep({ volume: event.target.value / 100 });
    this.find("in").onclick = () => this.zoom(0.5);
    this.find("out").onclick = () => this.zoom(2);
    this.find("fit").onclick = () => this.look(0, this.end);
    this.find("clear").onclick = () => this.select(null, true);
    this.find("wav").onclick = () => this.saveSound();
    this.find("png").onclick = () => this.savePicture();
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
    this.overlay.onpointerleave = () => this.read(null);
    this.overlay.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.audio.onplay = this.audio.onpause = () => this.tick();
    this.audio.ontimeupdate = () => this.bound(); // also in a tab that is out of sight
    this.audio.onended = () => this.finish();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.slider);
    this.listenOutside();
    // A change of theme starts a transition of the text colour.
    this.slider.addEventListener("transitionend", () => this.draw());
    // The latest of two players takes the keys of the page.
    this.find("player").addEventListener("pointerdown", () => this.lead());
    this.find("player").addEventListener("focusin", () => this.lead());
    this.find("player").addEventListener("keydown", (event) => {
      const menu = event.key === "Escape" && event.target.closest(".menu[open]");
      if (!menu) return;
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
    });
  }

  listenOutside() {
    // The times in the table of the timeline seek.
    this.outside = (event) => {
      const place = event.target.closest?.("[data-emo-go]");
      if (place && this.clip && this.isFirst()) this.seek(Number(place.dataset.emoGo));
    };
    document.addEventListener("click", this.outside);
    this.closeMenus = (event) => {
      const path = event.composedPath();
      for (const menu of this.root.querySelectorAll(".menu[open]"))
        if (!path.includes(menu)) menu.open = false;
    };
    document.addEventListener("pointerdown", this.closeMenus);
    this.anywhere = (event) => {
      const isChord = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
      if (event.key !== " " || isChord || event.defaultPrevented) return;
      if (!this.clip || !this.isFirst()) return;
      if (event.composedPath()[0].closest?.(USES_SPACE)) return;
      event.preventDefault(); // would scroll the page
      if (!event.repeat) this.toggle();
    };
    document.addEventListener("keydown", this.anywhere);
    // Only one of two players plays at a time; side by side they share their view.
    this.beside = ({ detail }) => {
      if (detail.player === this || !this.clip) return;
      if (detail.plays) this.audio.pause();
      if (detail.kept) this.tune();
      if (!this.clip.shown_s) return;
      if (detail.changes) this.adopt(detail.changes);
      if (detail.view) this.view = { ...detail.view };
      this.draw();
    };
    document.addEventListener("emo-player", this.beside);
    // Region and lanes are written on the page, outside the component.
    this.mutations = new MutationObserver(() => {
      this.takeRegion();
      this.takeLanes();
    });
    this.mutations.observe(document.body, { childList: true, subtree: true });
  }

  lead() {
    live.delete(this);
    live.add(this);
  }

  // Returns true if the keys of the page are for this player: the one used last.
  isFirst() {
    return [...live].filter((one) => one.slider.isConnected).at(-1) === this;
  }

  // --- Playing ---------------------------------------------------------------------------------

  toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (this.region && Math.abs(this.time - this.region[1]) < 0.02) this.seek(this.region[0]);
    this.share({ plays: true });
    this.audio.play();
    if (document.querySelector("[data-emo-guide=listen], [data-emo-guide=pick]")) this.notePlay();
  }

  playPart() {
    if (!this.region) return;
    this.seek(this.region[0]);
    if (this.audio.paused) this.toggle();
  }

  seek(time) {
    this.time = Math.min(Math.max(time, 0), this.clip.duration_s);
    this.audio.currentTime = this.time;
    this.isInPart = this.isInside(this.time);
    this.follow();
    this.mark();
  }

  isInside(time) {
    return Boolean(this.region) && time >= this.region[0] - 1e-3 && time < this.region[1];
  }

  // Stops at the end of the selected part if playing began in it, or begins again in a loop.
  bound() {
    if (this.audio.paused || !this.isInPart || !this.region) return;
    if (this.audio.currentTime < this.region[1]) return;
    if (kept.isLooped) return this.seek(this.region[0]);
    this.audio.pause();
    this.time = this.region[1];
  }

  // Goes back to the start after the end of the clip.
  finish() {
    this.seek(this.isInPart ? this.region[0] : 0);
    if (kept.isLooped) this.audio.play();
  }

  // Changes loop, speed or volume, which hold for the next clips too.
  keep(changes) {
    Object.assign(kept, changes);
    this.tune();
    this.share({ kept: true });
  }

  tune() {
    const rate = kept.isSlow ? HALF_SPEED : 1;
    this.audio.preservesPitch = true;
    this.audio.defaultPlaybackRate = this.audio.playbackRate = rate;
    this.audio.volume = kept.volume;
    this.find("loop").setAttribute("aria-pressed", kept.isLooped);
    this.find("slow").setAttribute("aria-pressed", kept.isSlow);
    this.find("volume").value = Math.round(100 * kept.volume);
  }

  tick() {
    const playing = !this.audio.paused;
    const { words } = this.clip;
    const button = this.find("play");
    button.dataset.playing = playing;
    button.title = playing ? words.pause : words.play;
    button.setAttribute("aria-label", button.title);
    for (const other of document.querySelectorAll("[data-emo-play]"))
      other.dataset.playing = playing;
    if (playing) {
      this.time = this.audio.currentTime;
      this.bound();
      this.follow();
      requestAnimationFrame(() => this.tick());
    }
    this.mark();
  }

  // --- The region ------------------------------------------------------------------------------

  // Selects a part; when that is done, the page is told.
  select(region, isDone) {
    this.region = region;
    this.refusal = "";
    if (isDone) {
      if (region) this.seek(region[0]);
      else this.isInPart = false;
      this.sent = region?.map((time) => Math.round((1e5 * time) / this.clip.duration_s) / 1e5); // five decimals, as in a link
      this.send(this.sent ?? []);
    }
    this.mark();
  }

  isTooShort(region) {
    return region[1] - region[0] < this.clip.min_part_s - 1e-3;
  }

  // Says why a part is not selected, and keeps the one before.
  refuse(region, before) {
    this.select(before, false);
    const { words, min_part_s } = this.clip;
    const length = (Math.floor(100 * (region[1] - region[0])) / 100).toFixed(2);
    this.refusal = words.short.replace("{0}", length).replace("{1}", min_part_s);
    this.mark();
  }

  within([start, stop]) {
    const end = this.clip.duration_s;
    const least = Math.min(this.clip.min_part_s, end);
    const first = Math.max(0, Math.min(start, end - least));
    return [first, Math.min(end, Math.max(stop, first + least))];
  }

  // What is dragged at a place: an edge of the region (0 or 1), the region ("move"), or "new".
  gripAt(x, pointer) {
    if (!this.region) return "new";
    const edges = this.region.map((time) => this.drawing.x(time));
    const reach = GRIP_PX[pointer] ?? GRIP_PX.mouse;
    const inward = Math.min(reach, (edges[1] - edges[0]) / 3); // the middle stays to move it
    if (x >= edges[0] - reach && x <= edges[0] + inward) return 0;
    if (x <= edges[1] + reach && x >= edges[1] - inward) return 1;
    return x > edges[0] && x < edges[1] ? "move" : "new";
  }

  down(event) {
    if (event.button !== 0) return;
    this.overlay.setPointerCapture(event.pointerId);
    const x = event.offsetX;
    const grip = this.gripAt(x, event.pointerType);
    this.drag = { x, grip, time: this.drawing.at(x), before: this.region, moved: false };
    this.overlay.dataset.grip = grip === "move" ? "held" : this.overlay.dataset.grip;
  }

  move(event) {
    if (!this.drag) {
      const grip = this.gripAt(event.offsetX, event.pointerType);
      this.overlay.dataset.grip = grip === 0 || grip === 1 ? "edge" : grip;
      return this.read(event);
    }
    if (Math.abs(event.offsetX - this.drag.x) > DRAG_PX) this.drag.moved = true;
    if (!this.drag.moved) return;
    this.read(null);
    this.select(this.dragged(event.offsetX), false);
  }

  // Returns the region after a drag to a place.
  dragged(x) {
    const { grip, time, before } = this.drag;
    const end = this.clip.duration_s;
    const here = Math.min(this.drawing.at(x), end);
    if (grip === "move") {
      const width = before[1] - before[0];
      const first = Math.min(Math.max(0, before[0] + here - time), end - width);
      return [first, first + width];
    }
    const fixed = grip === "new" ? Math.min(time, end) : before[1 - grip];
    return [fixed, here].sort((a, b) => a - b);
  }

  up(event) {
    if (!this.drag) return;
    const { moved, before } = this.drag;
    this.drag = null;
    this.overlay.dataset.grip = "";
    if (!moved) {
      this.refusal = "";
      this.seek(this.drawing.at(event.offsetX));
      if (event.pointerType === "touch") this.read(event);
      return;
    }
    if (this.isTooShort(this.region)) return this.refuse(this.region, before);
    this.select(this.region, true);
  }

  cancel() {
    if (this.drag?.moved) this.select(this.drag.before, false);
    this.drag = null;
  }

  wheel(event) {
    if (!event.ctrlKey) return; // scrolls the page; a pinch arrives as Ctrl and wheel
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.drawing.at(event.offsetX));
  }

  press(event) {
    const step = event.shiftKey ? LEAP_S : STEP_S;
    const edge = (place) => {
      const [start, stop] = this.region ?? [0, this.clip.duration_s];
      const least = this.clip.min_part_s;
      const found = place
        ? [Math.min(start, this.time - least), this.time]
        : [this.time, Math.max(stop, this.time + least)];
      this.select(this.within(found), true);
    };
    const actions = {
      " ": () => event.repeat || this.toggle(),
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
      p: () => this.playPart(),
      l: () => this.keep({ isLooped: !kept.isLooped }),
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

  // --- Files -----------------------------------------------------------------------------------

  async saveSound() {
    const [start, stop] = this.region ?? [0, this.clip.duration_s];
    const times = this.region ? `-${start.toFixed(2)}-${stop.toFixed(2)}s` : "";
    save(await toWav(this.clip.sound, [start, stop]), `${this.clip.stem}${times}.wav`);
  }

  async savePicture() {
    const { from, to } = this.view;
    const isWhole = to - from > this.end - 1e-6;
    const times = isWhole ? "" : ` ${from.toFixed(2)}-${to.toFixed(2)} s`;
    const picture = await toPng(this.drawing, `${this.clip.name}${times}`);
    const parts = isWhole ? "" : `-${from.toFixed(2)}-${to.toFixed(2)}s`;
    save(picture, `${this.clip.stem}-${this.clip.words.picture}${parts}.png`);
  }

  // --- View ------------------------------------------------------------------------------------

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

  resize() {
    if (!this.clip) return;
    const width = this.slider.clientWidth;
    if (!width) return;
    const { drawing } = this;
    const { height } = drawing.layout;
    drawing.ratio = window.devicePixelRatio || 1;
    drawing.inner = width - drawing.left - RIGHT;
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = Math.round(width * drawing.ratio);
      canvas.height = Math.round(height * drawing.ratio);
      canvas.style.height = `${height}px`;
    }
    this.draw();
  }

  context(canvas, ...heights) {
    const style = getComputedStyle(this.slider);
    const context = this.drawing.context(canvas, ...heights);
    context.fillStyle = style.getPropertyValue("--st-background-color") || "#ffffff";
    this.drawing.colour({
      ink: style.color,
      paper: context.fillStyle, // in hexadecimal
      accent: style.getPropertyValue("--st-primary-color") || style.color,
      font: style.fontFamily,
    });
    context.font = `12px ${style.fontFamily}`;
    return context;
  }

  // Draws the lanes anew, and leaves the pictures above them as they are.
  drawLanes() {
    const { inner, layout } = this.drawing;
    if (inner <= 0) return;
    this.drawing.drawLanes(this.context(this.canvas, layout.bandTop, layout.end));
  }

  draw() {
    if (!this.clip || this.drawing.inner <= 0) return;
    this.drawing.draw(this.context(this.canvas));
    const isWhole = this.view.to - this.view.from > this.end - 1e-6;
    const pan = this.find("pan");
    pan.disabled = isWhole;
    pan.value = isWhole ? 0 : (1000 * this.view.from) / (this.end - this.view.to + this.view.from);
    this.find("fit").disabled = this.find("out").disabled = isWhole;
    this.mark();
  }

  // Draws the selected part and the playhead over the pictures.
  mark() {
    const { drawing } = this;
    if (!this.clip || drawing.inner <= 0) return;
    const context = this.context(this.overlay);
    const { pictureTop, pictureEnd, end } = drawing.layout;
    const { left, inner, paper, ink } = drawing;
    context.save();
    context.beginPath();
    context.rect(left - 4, 0, inner + 8, end);
    context.clip();
    if (this.region) {
      const [first, last] = this.region.map((time) => drawing.x(time));
      for (const [top, bottom, colour] of [
        [0, pictureTop - GAP, paper],
        [pictureTop, pictureEnd, "#000000"],
        [pictureEnd, end, paper],
      ]) {
        context.fillStyle = colour;
        context.globalAlpha = 0.6;
        if (first > left) context.fillRect(left, top, first - left, bottom - top);
        if (last < left + inner) context.fillRect(last, top, left + inner - last, bottom - top);
        context.globalAlpha = 1;
      }
      for (const edge of [first, last]) {
        context.fillStyle = ink;
        context.fillRect(edge - 1, 0, 2, end);
        context.fillStyle = "#ffffff";
        context.fillRect(edge - 1, pictureTop, 2, pictureEnd - pictureTop);
        this.drawGrip(context, edge);
      }
    }
    const x = drawing.x(this.time);
    context.fillStyle = ink;
    context.fillRect(x - 1, 0, 2, end);
    context.fillStyle = "rgb(0 0 0 / 0.8)";
    context.fillRect(x - 2, pictureTop, 4, pictureEnd - pictureTop);
    context.fillStyle = "#ffffff";
    context.fillRect(x - 1, pictureTop, 2, pictureEnd - pictureTop);
    context.restore();
    this.tell();
  }

  // Draws the grip of an edge of the region, by which it can be dragged.
  drawGrip(context, edge) {
    const { layout, ink, paper } = this.drawing;
    const top = layout.wave / 2 - 12;
    context.fillStyle = ink;
    context.beginPath();
    context.roundRect(edge - 4, top, 8, 24, 3);
    context.fill();
    context.fillStyle = paper;
    context.fillRect(edge - 1.5, top + 7, 1, 10);
    context.fillRect(edge + 0.5, top + 7, 1, 10);
  }

  // --- Words -----------------------------------------------------------------------------------

  clock(time) {
    const { duration_s } = this.clip;
    const tenths = Math.round(time * 10);
    const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return duration_s < 60 ? time.toFixed(2) : `${Math.floor(tenths / 600)}:${seconds}`;
  }

  tell() {
    const { words, duration_s } = this.clip;
    const unit = duration_s < 60 ? " s" : "";
    const put = (name, text) => {
      const element = this.find(name);
      if (element.textContent !== text) element.textContent = text; // is read aloud when it changes
    };
    put("time", `${this.clock(this.time)} / ${this.clock(duration_s)}${unit}`);
    const isShrunk = this.region && !this.drag && this.isTooShort(this.region);
    put("chosen", this.refusal || this.described(isShrunk, unit));
    this.find("chosen").dataset.tone = this.refusal || isShrunk ? "refusal" : "";
    this.find("part").hidden = this.find("clear").hidden = !this.region;
    put("wav", this.region ? words.part_wav : words.wav);
    this.slider.setAttribute("aria-valuemin", 0);
    this.slider.setAttribute("aria-valuemax", duration_s.toFixed(2));
    this.slider.setAttribute("aria-valuenow", this.time.toFixed(2));
    const said = this.answersAt(this.time)[0];
    const label = said ? `, ${said.label} ${said.share}` : "";
    this.slider.setAttribute("aria-valuetext", `${this.clock(this.time)}${unit}${label}`);
  }

  // The sentence on the selected part.
  described(isShrunk, unit) {
    const { words, min_part_s } = this.clip;
    if (!this.region) return words.hint;
    const [start, stop] = this.region;
    if (isShrunk)
      return words.shrunk.replace("{0}", (stop - start).toFixed(2)).replace("{1}", min_part_s);
    return words.chosen
      .replace("{0}", this.clock(start))
      .replace("{1}", this.clock(stop) + unit)
      .replace("{2}", (stop - start).toFixed(2));
  }

  // Answers of the lanes at a time: name, label and share as text, from the top lane down.
  answersAt(time) {
    const i = this.drawing.windowAt(time);
    if (i < 0) return [];
    const { names, answers, labels } = this.drawing.lanes;
    const { words } = this.clip;
    return names.map((name, k) => {
      const [label, share, isUnsure] = answers[k][i];
      return { name, label: isUnsure ? `${labels[label]}, ${words.unsure}` : labels[label], share };
    });
  }

  // Shows what is at the mouse: frequency and level, or the answers of all lanes.
  read(event) {
    const tip = this.find("tip");
    tip.hidden = true;
    const readout = this.find("readout");
    readout.textContent = "";
    if (!event) return;
    const { drawing } = this;
    const [x, y] = [event.offsetX, event.offsetY];
    const time = drawing.at(x);
    if (time > this.clip.duration_s || x < drawing.left) return;
    const text = `${this.clock(time)} s`;
    const point = drawing.read(x, y);
    readout.textContent = point ? `${text} · ${point.hz} Hz · ${point.level_db} dB` : text;
    const { bandTop, lanes, end } = drawing.layout;
    if (!lanes.length || y < bandTop || y > end) return;
    const said = this.answersAt(time);
    if (!said.length) return;
    const here = lanes.findIndex(({ top }) => y >= top && y < top + LANE);
    this.showTip(text, said, here);
    tip.style.top = `${bandTop - tip.offsetHeight - 4}px`;
    tip.style.left = `${Math.max(0, Math.min(x - 40, this.slider.clientWidth - tip.offsetWidth))}px`;
  }

  showTip(time, said, here) {
    const cell = (text, name) => {
      const element = document.createElement("span");
      element.textContent = text;
      element.className = name;
      return element;
    };
    const rows = said.flatMap(({ name, label, share }, i) => {
      const mark = i === here ? " here" : "";
      return [cell(name, mark), cell(label, mark), cell(share, `share${mark}`)];
    });
    const tip = this.find("tip");
    tip.replaceChildren(cell(time, "when"), ...rows);
    tip.hidden = false;
  }
}
