// The spectrogram that a network takes, with frames around the regions on which its answer depends,
// and two sounds: as it is, and without these regions.  While the second plays, so does its picture.
// It reads a block of emo/app/player_data.py that emo/app/analyse/why/explanation.py packs.

const pictures = new WeakMap();
const FRAME_PX = 2;

export default function ({ data, parentElement }) {
  let picture = pictures.get(parentElement);
  if (!picture) {
    picture = new Picture(parentElement);
    pictures.set(parentElement, picture);
  }
  picture.show(data).catch((error) => console.error("regions", error));
  return () => setTimeout(() => picture.leave(), 0);
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

class Picture {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.canvas = this.find("picture");
    this.audio = new Audio();
    this.urls = {};
    this.playing = null;
    for (const name of ["hear", "without"]) this.find(name).onclick = () => this.toggle(name);
    this.audio.onplay = () => {
      document.dispatchEvent(
        new CustomEvent("emo-player", { detail: { player: this, plays: true } }),
      );
      this.tick();
    };
    this.audio.onpause = this.audio.onended = () => {
      this.playing = null;
      this.mark();
      this.draw();
    };
    this.beside = ({ detail }) => {
      if (detail.player !== this && detail.plays) this.audio.pause();
    };
    document.addEventListener("emo-player", this.beside);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.canvas);
  }

  async show(block) {
    if (this.block?.length === block.length && this.block.every((b, i) => b === block[i])) return;
    const mine = block.slice();
    this.block = mine;
    const length = new DataView(mine.buffer, mine.byteOffset).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(mine.subarray(4, 4 + length)));
    const part = (name) => {
      const [start, size] = header.parts[name];
      return mine.subarray(4 + length + start, 4 + length + start + size);
    };
    const has = (name) => name in header.parts;
    const before = await inflate(part("before"));
    const after = has("after") ? await inflate(part("after")) : before;
    const marked = await inflate(part("marked"));
    if (mine !== this.block) return; // a newer block arrived in the meantime
    this.header = header;
    this.marked = marked;
    this.images = { hear: this.image(before), without: this.image(after) };
    this.audio.pause();
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
    this.urls = {};
    for (const [name, sound] of [
      ["hear", "sound"],
      ["without", "without"],
    ])
      if (has(sound))
        this.urls[name] = URL.createObjectURL(new Blob([part(sound)], { type: header.mime }));
    this.write();
    this.mark();
    this.draw();
    this.find("regions").dataset.ready = true;
  }

  write() {
    const { words, picture_s, offset_s, low_hz, high_hz } = this.header;
    const time = (place) => `${Math.max(0, place + offset_s).toFixed(1)} s`;
    this.canvas.setAttribute("aria-label", words.picture);
    this.find("from").textContent = time(picture_s[0]);
    this.find("to").textContent = time(picture_s[1]);
    const hz = (value) => Math.round(value).toLocaleString("en");
    this.find("bands").textContent = `${hz(low_hz)} to ${hz(high_hz)} Hz`;
    this.find("told").textContent = words.told;
    this.find("without").hidden = !this.urls.without;
  }

  mark() {
    const { words } = this.header;
    for (const name of ["hear", "without"]) {
      const button = this.find(name);
      const isPlaying = this.playing === name;
      button.textContent = words[name];
      button.classList.toggle("playing", isPlaying);
      button.setAttribute("aria-pressed", isPlaying);
    }
  }

  toggle(name) {
    if (this.playing === name) {
      this.audio.pause();
      return;
    }
    this.audio.pause();
    this.audio.src = this.urls[name];
    // The pause of the other sound is reported later, and would end this one.
    this.audio.onpause = null;
    this.audio.play().then(
      () => {
        this.audio.onpause = this.audio.onended;
      },
      () => this.audio.onended(),
    );
    this.playing = name;
    this.mark();
  }

  tick() {
    this.draw();
    if (!this.audio.paused) requestAnimationFrame(() => this.tick());
  }

  image(levels) {
    const { columns, bands, palette } = this.header;
    const stops = palette.map((colour) =>
      [1, 3, 5].map((place) => Number.parseInt(colour.slice(place, place + 2), 16)),
    );
    const image = document.createElement("canvas");
    image.width = columns;
    image.height = bands;
    const pixels = new ImageData(columns, bands);
    for (let i = 0; i < columns; i++)
      for (let band = 0; band < bands; band++) {
        const place = (levels[i * bands + band] / 255) * (stops.length - 1);
        const stop = Math.min(stops.length - 2, Math.floor(place));
        const start = 4 * ((bands - 1 - band) * columns + i);
        for (let k = 0; k < 3; k++)
          pixels.data[start + k] =
            stops[stop][k] + (place - stop) * (stops[stop + 1][k] - stops[stop][k]);
        pixels.data[start + 3] = 255;
      }
    image.getContext("2d").putImageData(pixels, 0, 0);
    return image;
  }

  draw() {
    if (!this.header) return;
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    if (!width) return;
    if (this.canvas.width !== Math.round(width * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.drawImage(this.images[this.playing ?? "hear"], 0, 0, width, height);
    this.frame(context, width, height);
    if (!this.playing) return;
    const { picture_s } = this.header;
    const share = (this.audio.currentTime - picture_s[0]) / (picture_s[1] - picture_s[0]);
    context.fillStyle = "#ffffff";
    context.fillRect(share * width - 1, 0, 2, height);
  }

  // Draw the outline of the marked regions, light on dark, so that it shows on every colour.
  frame(context, width, height) {
    const { columns, bands } = this.header;
    const at = (i, band) =>
      i >= 0 && i < columns && band >= 0 && band < bands ? this.marked[i * bands + band] : 0;
    const path = new Path2D();
    const [w, h] = [width / columns, height / bands];
    for (let i = 0; i <= columns; i++)
      for (let band = 0; band <= bands; band++) {
        const y = height - band * h;
        if (at(i, band) !== at(i - 1, band)) {
          path.moveTo(i * w, y);
          path.lineTo(i * w, y - h);
        }
        if (at(i, band) !== at(i, band - 1)) {
          path.moveTo(i * w, y);
          path.lineTo((i + 1) * w, y);
        }
      }
    for (const [colour, line] of [
      ["#000000", FRAME_PX + 2],
      ["#4fe3ff", FRAME_PX],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.stroke(path);
    }
  }

  leave() {
    if (this.canvas.isConnected) return; // the page was redrawn
    this.audio.pause();
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
    this.watcher.disconnect();
    document.removeEventListener("emo-player", this.beside);
  }
}
