// Files of the player: the played sound as WAV, and the spectrogram as PNG.

const WAV_RATE_HZ = 16000;
const PNG = { inner: 1000, height: 320, left: 74, top: 40, right: 96, below: 26, ratio: 2 };
const ON_WHITE = { ink: "#1f2326", paper: "#ffffff", accent: "#0b5d66" };

// Returns a part of a sound as a WAV file: 16 kHz, mono, 16 bits.
export async function toWav(sound, [start, stop]) {
  const decoder = new OfflineAudioContext(1, 1, WAV_RATE_HZ); // decodes to its own rate
  const decoded = await decoder.decodeAudioData(await sound.arrayBuffer());
  const samples = decoded
    .getChannelData(0)
    .subarray(Math.round(start * WAV_RATE_HZ), Math.round(stop * WAV_RATE_HZ));
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const write = (place, text) => {
    for (let i = 0; i < text.length; i++) view.setUint8(place + i, text.charCodeAt(i));
  };
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, WAV_RATE_HZ, true);
  view.setUint32(28, 2 * WAV_RATE_HZ, true);
  view.setUint16(32, 2, true); // bytes of a sample
  view.setUint16(34, 16, true); // bits of a sample
  write(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    const whole = Math.round(32768 * sample);
    view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, whole)), true);
  });
  return new Blob([view], { type: "audio/wav" });
}

// Returns the spectrogram in view with a title, axes and a scale of levels as a PNG file.
export function toPng(drawing, title) {
  const picture = Object.assign(new Drawing({ ...drawing.settings }), {
    clip: drawing.clip,
    images: drawing.images,
    view: drawing.view,
    ratio: PNG.ratio,
    left: PNG.left,
    inner: PNG.inner,
    layout: layOut({ wave: 0, picture: PNG.height }, []),
  });
  picture.colour({ ...ON_WHITE, font: drawing.font });
  const canvas = document.createElement("canvas");
  canvas.width = PNG.ratio * (PNG.left + PNG.inner + PNG.right);
  canvas.height = PNG.ratio * (PNG.top + picture.layout.height + PNG.below);
  const context = picture.context(canvas);
  context.fillStyle = ON_WHITE.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(0, PNG.top);
  picture.draw(context);
  const { words } = drawing.clip;
  const middle = PNG.left + PNG.inner / 2;
  context.fillStyle = ON_WHITE.ink;
  context.textAlign = "center";
  context.fillText(words.time_axis, middle, picture.layout.height + 4);
  context.save();
  context.translate(16, PNG.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(words.frequency_axis, 0, 0);
  context.restore();
  drawScale(context, picture, words.level_axis);
  context.font = `600 15px ${drawing.font}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(title, PNG.left, -16, PNG.inner);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// The colours of the levels, from the loudest down to the end of the range.
function drawScale(context, picture, name) {
  const { clip, settings } = picture;
  const left = PNG.left + PNG.inner + 18;
  const colours = ramp(clip.palette, clip.range_db, settings.range);
  for (let y = 0; y < PNG.height; y++) {
    const level = Math.round(clip.range_db - (y / PNG.height) * settings.range);
    const colour = colours[level];
    context.fillStyle = `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
    context.fillRect(left, y, 14, 1.5);
  }
  context.fillStyle = ON_WHITE.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (let db = 0; db <= settings.range; db += 20)
    context.fillText(db ? `−${db}` : "0", left + 20, (db / settings.range) * PNG.height);
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillText(name, left + 14, -8);
}

// Has the browser save a file.
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[\\/:*?"<>|]/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
