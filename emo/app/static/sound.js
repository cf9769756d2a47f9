// The sound of clips that are played by buttons elsewhere on the page: one clip at a time.
// It reads a block of emo/app/player_data.py and plays it if its number is new.  An event "emo-sound"
// plays or stops a clip that was played before; "emo-sound-state" says which one is playing.

const sounds = new WeakMap();
const MAX_KEPT = 100; // clips

export default function ({ data, parentElement }) {
  let sound = sounds.get(parentElement);
  if (!sound) {
    sound = new Sound(parentElement);
    sounds.set(parentElement, sound);
  }
  if (data?.length) sound.show(data);
  return () => setTimeout(() => sound.leave(), 0);
}

class Sound {
  constructor(root) {
    this.part = root.querySelector('[data-part="sound"]');
    this.audio = new Audio();
    this.kept = new Map();
    this.audio.onplay = () => {
      this.tell(this.id);
      document.dispatchEvent(
        new CustomEvent("emo-player", { detail: { player: this, plays: true } }),
      );
    };
    this.audio.onpause = this.audio.onended = () => this.tell(null);
    this.asked = ({ detail }) => {
      if (detail.id === this.id && !this.audio.paused) {
        detail.handled = true;
        this.audio.pause();
      } else if (this.kept.has(detail.id)) {
        detail.handled = true;
        this.play(detail.id);
      }
    };
    this.beside = ({ detail }) => {
      if (detail.player !== this && detail.plays) this.audio.pause();
    };
    document.addEventListener("emo-sound", this.asked);
    document.addEventListener("emo-player", this.beside);
  }

  show(block) {
    const length = new DataView(block.buffer, block.byteOffset).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
    if (header.number === this.number) return;
    this.number = header.number;
    const [start, size] = header.parts.sound;
    const sound = block.slice(4 + length + start, 4 + length + start + size);
    const [oldest] = this.kept.keys();
    if (this.kept.size >= MAX_KEPT) {
      URL.revokeObjectURL(this.kept.get(oldest));
      this.kept.delete(oldest);
    }
    this.kept.set(header.id, URL.createObjectURL(new Blob([sound], { type: header.mime })));
    this.play(header.id);
  }

  play(id) {
    this.id = id;
    this.audio.src = this.kept.get(id);
    this.audio.play().catch(() => this.tell(null)); // the browser may forbid it
  }

  tell(id) {
    document.dispatchEvent(new CustomEvent("emo-sound-state", { detail: { playing: id } }));
  }

  leave() {
    if (this.part.isConnected) return; // the page was redrawn
    this.audio.pause();
    for (const url of this.kept.values()) URL.revokeObjectURL(url);
    document.removeEventListener("emo-sound", this.asked);
    document.removeEventListener("emo-player", this.beside);
  }
}
