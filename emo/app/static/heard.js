// Plays one clip of the page Teach it, as soon as another one or the same one is asked for.
// It reads a block of emo/app/player_data.py that has the sound as its only part.

const rows = new WeakMap();

export default function ({ data, parentElement }) {
  let row = rows.get(parentElement);
  if (!row) {
    row = new Row(parentElement);
    rows.set(parentElement, row);
  }
  row.show(data);
  return () => setTimeout(() => row.leave(), 0);
}

class Row {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.audio = new Audio();
    this.audio.onplay = this.audio.onpause = this.audio.onended = () => this.tick();
    this.find("play").onclick = () => (this.audio.paused ? this.play() : this.audio.pause());
  }

  show(block) {
    const length = new DataView(block.buffer, block.byteOffset).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
    if (header.n === this.n) return; // the page was drawn again
    this.n = header.n;
    this.words = header.words;
    this.name = header.name;
    this.drop();
    this.audio.src = URL.createObjectURL(
      new Blob([block.slice(4 + length)], { type: header.mime }),
    );
    this.find("name").textContent = header.name;
    this.find("row").dataset.ready = true;
    this.play();
  }

  play() {
    this.find("note").textContent = "";
    this.tick();
    this.audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.find("note").textContent = this.words.blocked;
    });
  }

  tick() {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    const button = this.find("play");
    button.dataset.playing = isPlaying;
    button.title = isPlaying ? this.words.pause : this.words.play;
    button.setAttribute("aria-label", `${button.title}: ${this.name}`);
    this.find("time").value = this.audio.currentTime / (this.audio.duration || 1);
    if (isPlaying) requestAnimationFrame(() => this.tick());
  }

  drop() {
    this.audio.pause();
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.audio.removeAttribute("src");
  }

  leave() {
    if (!this.find("row").isConnected) this.drop(); // else the page was redrawn
  }
}
