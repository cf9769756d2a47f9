// The pictures of the player: waveform, spectrogram, lanes of the timeline and axis of time, all in
// one view.  player.js draws them on the page, player_files.js into a file.

export const RIGHT = 8; // margins of the images in pixels; the left one has the frequencies
const LEFT = 46,
  LANES_LEFT = 80; // with the names of the lanes
export const GAP = 6,
  LANE = 18; // heights in pixels
const TIMES = 24,
  BAND = 44,
  LABELS = 17;
const HEIGHTS = { wave: 84, picture: 232 };
const HEIGHTS_WITH_LANES = { wave: 64, picture: 168 };
const TICKS_HZ = [100, 300, 600, 1000, 2000, 4000, 7000];
const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120];
const LOUDEST_DB = 6,
  SOFTEST_DB = -60; // range of the loudness curve
const SIGN = 9; // size of a sign on a lane in pixels

// Where the parts of the pictures are, from top to bottom, in pixels.
export function layOut({ wave, picture }, names) {
  const layout = { wave, pictureTop: wave ? wave + GAP : 0, picture };
  layout.pictureEnd = layout.pictureTop + picture;
  layout.lanes = [];
  let bottom = layout.pictureEnd;
  if (names.length) {
    layout.bandTop = bottom + GAP;
    bottom = layout.bandTop + BAND + 3;
    names.forEach((name, i) => {
      layout.lanes.push({ name, top: bottom });
      bottom += LANE + (i ? 3 : LABELS); // the labels of the first are written under it
    });
  }
  layout.end = bottom;
  layout.height = bottom + TIMES;
  return layout;
}

export class Drawing {
  constructor(settings) {
    this.settings = settings;
    this.images = {};
    this.lanes = null;
    this.view = { from: 0, to: 1 };
    this.layout = layOut(HEIGHTS, []);
    this.left = LEFT;
    this.inner = 0;
    this.ratio = 1;
  }

  // Takes a clip, and keeps room for its lanes.
  take(clip) {
    this.clip = clip;
    this.images = {};
    this.nameLanes(clip.lanes);
  }

  nameLanes(names) {
    this.left = names.length ? LANES_LEFT : LEFT;
    this.layout = layOut(names.length ? HEIGHTS_WITH_LANES : HEIGHTS, names);
  }

  colour({ ink, paper, accent, font }) {
    Object.assign(this, { ink, paper, accent, font });
    this.isDark = luminance(paper) < 0.5;
  }

  at(x) {
    const share = Math.min(1, Math.max(0, (x - this.left) / this.inner));
    return this.view.from + share * (this.view.to - this.view.from);
  }

  x(time) {
    const { from, to } = this.view;
    return this.left + ((time - from) / (to - from)) * this.inner;
  }

  // Prepares a canvas, cleared between two heights; the coordinates are pixels of the page.
  context(canvas, top = 0, bottom = canvas.height) {
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, top, canvas.width, bottom - top);
    context.font = `12px ${this.font}`;
    return context;
  }

  draw(context) {
    if (this.layout.wave) this.drawWave(context);
    this.drawPicture(context);
    if (this.layout.lanes.length) this.drawLanes(context);
    this.drawTimes(context);
  }

  // Draws within the images alone, from top to bottom.
  within(context, top, bottom, draw) {
    context.save();
    context.beginPath();
    context.rect(this.left, top, this.inner, bottom - top);
    context.clip();
    draw();
    context.restore();
  }

  drawWave(context) {
    const { waveform, duration_s, span_s } = this.clip;
    const { wave } = this.layout;
    const n = waveform.length / 2;
    const middle = wave / 2;
    context.fillStyle = "rgb(128 128 128 / 0.18)";
    for (const [start, stop] of [
      [0, span_s[0]],
      [span_s[1], duration_s],
    ]) {
      const first = Math.max(this.left, this.x(start));
      const last = Math.min(this.left + this.inner, this.x(stop));
      if (last > first) context.fillRect(first, 0, last - first, wave);
    }
    context.fillStyle = this.accent;
    const step = 1 / this.ratio;
    for (let x = 0; x < this.inner; x += step) {
      const first = Math.floor((this.at(this.left + x) / duration_s) * n);
      const last = Math.min(
        n,
        Math.max(first + 1, Math.floor((this.at(this.left + x + step) / duration_s) * n)),
      );
      let low = 127,
        high = -127;
      for (let i = first; i < last; i++) {
        low = Math.min(low, waveform[i]);
        high = Math.max(high, waveform[n + i]);
      }
      if (high >= low)
        context.fillRect(
          this.left + x,
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
    const { pictureTop: top, picture } = this.layout;
    const image = this.image(this.settings.scale);
    const from = (this.view.from / duration_s) * image.width;
    const width = ((this.view.to - this.view.from) / duration_s) * image.width;
    context.imageSmoothingEnabled = true;
    context.drawImage(image, from, 0, width, image.height, this.left, top, this.inner, picture);
    context.fillStyle = this.ink;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const hz of TICKS_HZ) {
      const y = this.y(hz);
      if (this.settings.scale === "linear" && hz < 1000) continue;
      context.fillText(hz < 1000 ? `${hz}` : `${hz / 1000}k`, this.left - 8, y);
      context.fillRect(this.left - 5, y, 4, 1);
    }
    const range = LOUDEST_DB - SOFTEST_DB;
    if (this.settings.level)
      this.drawLine(
        context,
        this.clip.level,
        (v) => top + ((v / 2 - this.clip.loudest_db + LOUDEST_DB) / range) * picture,
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

  // Place of a frequency on the spectrogram.
  y(hz) {
    const bands = this.settings.scale === "mel" ? this.clip.mel_hz : this.clip.linear_hz;
    let i = bands.findIndex((one) => one >= hz);
    if (i < 0) i = bands.length - 1;
    const part = i > 0 ? (hz - bands[i - 1]) / (bands[i] - bands[i - 1]) : 1;
    const place = i - 1 + Math.min(1, Math.max(0, part)) + 0.5;
    return this.layout.pictureEnd - (place / bands.length) * this.layout.picture;
  }

  // Frequency and level at a place on the spectrogram; null where there is no sound.
  read(x, y) {
    const { mel_hz, linear_hz, duration_s, range_db, columns } = this.clip;
    const { scale } = this.settings;
    const up = (this.layout.pictureEnd - y) / this.layout.picture;
    const time = this.at(x);
    if (up < 0 || up >= 1 || time > duration_s) return null;
    const bands = scale === "mel" ? mel_hz : linear_hz;
    const band = Math.floor(up * bands.length);
    const column = Math.min(columns[scale] - 1, Math.floor((time / duration_s) * columns[scale]));
    const level = this.clip[scale][column * bands.length + band] - range_db;
    return { hz: Math.round(bands[band]), level_db: level };
  }

  // Points of a line in the view, in frames; where many frames share a pixel, the least and the
  // largest of them.  Between two parts of a line stands null.
  points(values, isThere) {
    const first = Math.max(0, Math.floor(this.view.from / this.clip.frame_s) - 1);
    const last = Math.min(values.length, Math.ceil(this.view.to / this.clip.frame_s) + 1);
    const step = Math.max(1, Math.floor((last - first) / (this.inner * this.ratio)));
    const points = [];
    for (let start = first; start < last; start += step) {
      const inside = values.subarray(start, Math.min(start + step, last)).filter(isThere);
      if (!inside.length) points.push(null);
      else {
        const low = inside.reduce((a, b) => Math.min(a, b));
        const high = inside.reduce((a, b) => Math.max(a, b));
        points.push([start, low]);
        if (high > low) points.push([start, high]);
      }
    }
    return points;
  }

  drawLine(context, values, y, isThere, colour) {
    const { pictureTop, pictureEnd } = this.layout;
    const points = this.points(values, isThere);
    this.within(context, pictureTop, pictureEnd, () => {
      for (const [width, style] of [
        [4, "rgb(0 0 0 / 0.7)"],
        [2, colour],
      ]) {
        context.lineWidth = width;
        context.strokeStyle = style;
        context.lineJoin = "round";
        context.beginPath();
        let isOn = false;
        for (const point of points) {
          if (point) {
            const place = [this.x(point[0] * this.clip.frame_s), y(point[1])];
            if (isOn) context.lineTo(...place);
            else context.moveTo(...place);
          }
          isOn = Boolean(point);
        }
        context.stroke();
      }
    });
  }

  drawTimes(context) {
    const width = this.view.to - this.view.from;
    const wanted = width / Math.max(2, this.inner / 90);
    const step = STEPS_S.find((one) => one >= wanted) ?? 300;
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const top = this.layout.end;
    context.fillStyle = this.ink;
    context.textBaseline = "top";
    for (let i = Math.ceil(this.view.from / step); i * step <= this.view.to + 1e-9; i++) {
      const x = this.x(i * step);
      context.fillRect(x, top, 1, 4);
      context.textAlign = x > this.left + this.inner - 20 ? "right" : "center";
      context.fillText(`${(i * step).toFixed(digits)} s`, x, top + 7);
    }
  }

  // --- Lanes -----------------------------------------------------------------------------------

  shade(label) {
    return this.clip.colours[label][this.isDark ? 1 : 0];
  }

  drawLanes(context) {
    const { bandTop, lanes } = this.layout;
    context.fillStyle = "rgb(128 128 128 / 0.12)";
    context.fillRect(this.left, bandTop, this.inner, BAND);
    for (const { top } of lanes) context.fillRect(this.left, top, this.inner, LANE);
    context.fillStyle = this.ink;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const { name, top } of lanes) context.fillText(name, this.left - 8, top + LANE / 2 + 1);
    if (!this.lanes?.spans.length) return;
    this.within(context, bandTop, bandTop + BAND, () => this.drawBand(context));
    this.within(context, lanes[0].top, this.layout.end, () => {
      lanes.forEach(({ top }, i) => {
        for (const run of this.lanes.runs[i]) this.drawRun(context, run, top, i === 0);
      });
    });
  }

  // The shares of all emotions, stacked; a gap between two windows stays blank.
  drawBand(context) {
    const { spans, shares, labels } = this.lanes;
    const { bandTop } = this.layout;
    for (const [first, last] of withoutGaps(spans)) {
      const inside = Array.from({ length: last - first }, (_, i) => first + i);
      const times = inside.map((i) => (spans[i][0] + spans[i][1]) / 2);
      const points = [
        [spans[first][0], first],
        ...inside.map((i, k) => [times[k], i]),
        [spans[last - 1][1], last - 1],
      ];
      const below = points.map(() => 0);
      labels.forEach((label, k) => {
        const above = points.map(([, i], j) => below[j] + shares[i][k] / 100);
        const place = (j, share) => [this.x(points[j][0]), bandTop + BAND * (1 - share)];
        context.beginPath();
        points.forEach((_, j) => {
          context.lineTo(...place(j, above[j]));
        });
        for (let j = points.length - 1; j >= 0; j--) context.lineTo(...place(j, below[j]));
        context.closePath();
        context.fillStyle = this.shade(label);
        context.fill();
        points.forEach((_, j) => {
          below[j] = above[j];
        });
      });
    }
  }

  drawRun(context, { start, stop, label, isUnsure }, top, isLabelled) {
    const [first, last] = [this.x(start), this.x(stop)];
    if (last < this.left || first > this.left + this.inner) return;
    const width = Math.max(1, last - first);
    context.fillStyle = this.shade(label);
    context.globalAlpha = isUnsure ? 0.34 : 1; // an unsure answer is pale
    context.fillRect(first, top, width, LANE);
    context.globalAlpha = 1;
    context.fillStyle = this.paper;
    context.fillRect(last - 1, top, 1, LANE);
    const from = Math.max(first, this.left);
    const middle = (from + Math.min(last, this.left + this.inner)) / 2;
    const room = 2 * (middle - from);
    if (room > SIGN + 5)
      this.drawSign(
        context,
        label,
        middle - SIGN / 2,
        top + (LANE - SIGN) / 2,
        isUnsure ? this.ink : this.paper,
      );
    if (!isLabelled) return;
    const text = isUnsure ? `${label}?` : label;
    if (context.measureText(text).width + 4 > room) return;
    context.fillStyle = this.ink;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(text, middle, top + LANE + 2);
  }

  drawSign(context, label, x, y, colour) {
    context.save();
    context.translate(x, y);
    context.scale(SIGN / 16, SIGN / 16);
    context.fillStyle = colour;
    context.fill(new Path2D(this.clip.signs[label]), "evenodd");
    context.restore();
  }

  // Number of the window that answers for a time; -1 in a pause and where none has answered yet.
  windowAt(time) {
    return this.lanes?.spans.findIndex(([start, stop]) => start <= time && time < stop) ?? -1;
  }
}

// First and last (exclusive) of the windows that follow each other without a gap.
function withoutGaps(spans) {
  const starts = spans.flatMap(([start], i) => (i === 0 || start > spans[i - 1][1] ? [i] : []));
  return starts.map((first, i) => [first, starts[i + 1] ?? spans.length]);
}

// Reads the lanes of the page, and joins the windows with equal answers on each.
export function readLanes(text) {
  const lanes = JSON.parse(text);
  lanes.runs = lanes.answers.map((answers) => {
    const runs = [];
    answers.forEach(([label, , unsure], i) => {
      const [start, stop] = lanes.spans[i];
      const last = runs.at(-1);
      const isSame = last && last.number === label && last.isUnsure === Boolean(unsure);
      if (isSame && last.stop === start) last.stop = stop;
      else
        runs.push({
          start,
          stop,
          number: label,
          label: lanes.labels[label],
          isUnsure: Boolean(unsure),
        });
    });
    return runs;
  });
  return lanes;
}

export function ramp(palette, deepest, range) {
  const stops = palette.map(rgb);
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

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

// Rough brightness of a colour in hexadecimal, 0 to 1.
function luminance(hex) {
  const [r, g, b] = rgb(hex.trim());
  return (0.3 * r + 0.6 * g + 0.1 * b) / 255;
}
