// Live: the microphone through recording.js to the websocket of emo/server/live.py, and the answers
// as they come.  The last minute of the sound stays in the browser; it becomes a clip by an upload.

const RATE_HZ = 16_000;
const PIECE_S = 0.1; // of worklet.js
const MAX_UNSENT_BYTES = 5 * RATE_HZ * 2;
const SOFTEST_DB = -60; // of the meter
const ANNOUNCE_MS = 4000; // between two sentences for a screen reader
const TICKS_S = 10;
const [WIDTH, HEIGHT] = [600, 100]; // of the drawings

const panels = new WeakMap();

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let panel = panels.get(parentElement);
  if (!panel) {
    panel = new Panel(parentElement);
    panels.set(parentElement, panel);
  }
  panel.sendClip = (id) => setTriggerValue("kept", id);
  panel.sendRead = () => setTriggerValue("read", true);
  panel.show(data);
  return () => setTimeout(() => panel.leave(), 0);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function fill(words, ...values) {
  return words.replace(/\{(\d)\}/g, (_, i) => values[i]);
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

class Panel {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.dialog = this.find("dialog");
    this.reset();
    this.listen();
  }

  // --- What the page sends ----------------------------------------------------------------------

  show(data) {
    this.data = data;
    this.words = data.words;
    for (const element of this.root.querySelectorAll("[data-word]")) {
      const word = this.words[element.dataset.word];
      if (element.dataset.as === "label") {
        element.setAttribute("aria-label", word);
        element.title = word;
      } else element.textContent = word;
    }
    this.find("lanes").setAttribute("aria-label", this.words.lanes);
    const { notice } = data;
    this.find("notice").hidden = !notice;
    this.find("notice-text").textContent = notice?.text ?? "";
    this.find("tick-text").textContent = notice?.tick ?? "";
    if (this.key === JSON.stringify([data.models, data.signs])) return;
    this.key = JSON.stringify([data.models, data.signs]);
    this.build();
  }

  paint(element, label) {
    const [light, dark, shape] = this.data.signs[label];
    element.style.setProperty("--colour", `light-dark(${light}, ${dark})`);
    element.style.setProperty("--shape", shape);
    return element;
  }

  sign(label) {
    return this.paint(make("span", "sign"), label);
  }

  // Makes what has a part for each model or emotion.
  build() {
    const { models, signs } = this.data;
    const lanes = this.find("lanes");
    for (const old of lanes.querySelectorAll(".made")) old.remove();
    this.lanes = new Map();
    for (const [key, { short }] of Object.entries(models)) {
      const lane = make("div", "lane made");
      lanes.append(make("span", "made", short), lane);
      this.lanes.set(key, lane);
    }
    this.times = make("div", "times made");
    lanes.append(make("span", "made"), this.times);
    this.find("legend").replaceChildren(
      ...Object.keys(signs).map((label) => {
        const item = make("li");
        item.append(this.sign(label), label);
        return item;
      }),
    );
    this.areas = Object.keys(signs).map((label) =>
      this.paint(document.createElementNS("http://www.w3.org/2000/svg", "path"), label),
    );
    this.find("band").replaceChildren(...this.areas);
    this.draw();
  }

  // --- Controls ---------------------------------------------------------------------------------

  listen() {
    this.find("open").onclick = () => this.start();
    this.find("again").onclick = () => this.start();
    this.find("stop").onclick = () => this.stop();
    this.find("keep").onclick = () => this.keep();
    this.find("close").onclick = () => this.dialog.close();
    this.find("tick").onchange = () => {
      this.find("notice").hidden = true;
      this.sendRead();
    };
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.dialog.oncancel = (event) => {
      if (!this.run) return;
      event.preventDefault(); // the first Escape stops the microphone, the second one closes
      this.stop();
    };
    this.dialog.onclose = () => {
      this.stop();
      this.reset();
    };
    this.hidden = () => this.stop();
    window.addEventListener("pagehide", this.hidden);
  }

  leave() {
    if (this.dialog.isConnected) return; // the page was redrawn
    this.stop();
    window.removeEventListener("pagehide", this.hidden);
  }

  // Shows one of the states off, starting, on and sending.
  enter(state, note = "", isWrong = false) {
    this.dialog.dataset.state = state;
    const { words } = this;
    this.find("state").textContent = words[`state_${state}`];
    this.note(note, isWrong);
    const isOff = state === "off";
    const isKept = isOff && this.total >= this.data.min_s * RATE_HZ;
    this.find("stop").hidden = isOff || state === "sending";
    this.find("again").hidden = !isOff;
    this.find("keep").hidden = !isKept;
    this.find("keep").textContent =
      this.total > this.data.kept_s * RATE_HZ ? words.keep_last : words.keep;
    this.find("foot").textContent = isKept ? words.kept_note : words.privacy;
    if (state !== "on") this.find("level").style.transform = "";
    const focused = isKept ? "keep" : isOff ? "again" : "stop";
    if (state !== "sending" && this.dialog.open) this.find(focused).focus();
  }

  note(text, isWrong = false) {
    const note = this.find("note");
    if (note.textContent !== text) note.textContent = text;
    note.classList.toggle("wrong", isWrong);
  }

  // Drops the sound and the answers of the last run.
  reset() {
    this.pieces = [];
    this.total = 0; // samples since the start
    this.arrived = []; // of each piece: its end in samples, and when it came
    this.levels = []; // lowest and highest sample of each piece
    this.ticks = []; // start and stop in seconds, and the answers there
    this.latest = null;
    this.announcedAt = -ANNOUNCE_MS;
    this.announcedText = "";
    clearTimeout(this.announcing);
  }

  // --- The microphone ---------------------------------------------------------------------------

  async start() {
    if (this.run) return;
    this.reset();
    const run = { limit_s: this.data.limit_s };
    this.run = run;
    if (!this.dialog.open) this.dialog.showModal();
    document.dispatchEvent(new CustomEvent("emo-player", { detail: { plays: true } })); // it pauses
    this.enter("starting", this.words.allow);
    this.draw();
    try {
      await openMicrophone(
        run,
        this.data.worklet,
        () => this.run === run && this.stop(this.words.unplugged),
      );
      if (this.run !== run) return this.release(run); // stopped in the meantime
      this.note(this.words.connecting);
      this.connect(run);
    } catch (error) {
      if (this.run !== run) return this.release(run);
      const reason = microphoneFault(error, this.words);
      if (reason === "failed") console.warn("live", error);
      this.stop(this.words[reason]);
    }
  }

  connect(run) {
    const address = new URL(this.data.stream, window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    run.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () =>
      socket.send(
        JSON.stringify({
          type: "start",
          session: this.data.session,
          token: pageToken(this.data.cookie),
          rate_hz: RATE_HZ,
          among: this.data.among,
        }),
      );
    socket.onmessage = ({ data }) => {
      if (this.run !== run) return;
      const message = JSON.parse(data);
      if (message.type === "ready") this.begin(run, message);
      else if (message.type === "end") this.stop(message.sentence, message.reason !== "limit");
      else this.take(message);
    };
    socket.onclose = () => this.run === run && this.stop(this.words.lost);
  }

  begin(run, { limit_s }) {
    run.limit_s = limit_s;
    readMicrophone(run, (piece) => this.run === run && this.send(run, piece));
    this.enter("on");
    this.wait();
  }

  send(run, piece) {
    if (run.socket.bufferedAmount > MAX_UNSENT_BYTES) return this.stop(this.words.slow);
    run.socket.send(piece.buffer);
    this.total += piece.length;
    this.pieces.push(piece);
    while (this.pieces.length * PIECE_S > this.data.kept_s) this.pieces.shift();
    let [low, high] = [0, 0];
    for (const sample of piece) {
      if (sample < low) low = sample;
      else if (sample > high) high = sample;
    }
    this.levels.push([low, high]);
    if (this.levels.length * PIECE_S > this.data.shown_s) this.levels.shift();
    this.arrived.push([this.total, performance.now()]);
    if (this.arrived.length > 50) this.arrived.shift();
    const level_db = 20 * Math.log10(Math.max(high, -low, 1) / 32768);
    const share = Math.max(0, 1 - level_db / SOFTEST_DB);
    this.find("level").style.transform = `scaleX(${share})`;
    this.draw();
  }

  // Stops the microphone, and says why where it was not the visitor.
  stop(sentence = "", isWrong = sentence !== "") {
    const { run } = this;
    if (!run) return;
    this.run = null;
    this.release(run);
    this.enter("off", sentence || this.summary(), isWrong);
    this.draw();
    this.find("lanes").setAttribute("aria-label", `${this.words.lanes}. ${this.summary()}`);
  }

  release(run) {
    closeMicrophone(run);
    if (!run.socket) return;
    run.socket.onclose = null;
    run.socket.close(1000);
  }

  // --- Answers ----------------------------------------------------------------------------------

  take(message) {
    const stop = message.stop / RATE_HZ;
    const start = this.ticks.at(-1)?.stop ?? Math.max(0, stop - this.data.step_s);
    const answers = message.type === "answer" ? message.answers : null;
    this.ticks.push({ start, stop, answers });
    while (this.ticks[0].stop < stop - this.data.shown_s) this.ticks.shift();
    this.note(message.note);
    if (answers) {
      const came = this.arrived.find(([end]) => end >= message.stop)?.[1] ?? performance.now();
      this.latest = { ...message, delay_ms: Math.round(performance.now() - came) };
      this.answer();
    } else if (message.type === "none") this.wait(message.speech);
    this.draw();
  }

  // Shows that there is no new answer.
  wait(isSpeech = false) {
    this.find("answer").classList.toggle("old", !isSpeech);
    if (this.latest) {
      if (!isSpeech) this.find("over").textContent = this.words.pause;
      return;
    }
    const verdict = this.find("verdict");
    verdict.className = "verdict waiting";
    verdict.textContent = isSpeech ? this.words.some_speech : this.words.no_speech;
    this.find("over").textContent = "";
    this.find("more").textContent = this.words.hint;
    this.find("models").replaceChildren();
  }

  answer() {
    const {
      window: [start, stop],
      answers,
      agreement,
      delay_ms,
    } = this.latest;
    const { words, data } = this;
    const first = answers[data.first];
    this.find("answer").classList.remove("old");
    this.find("answer").dataset.delayMs = delay_ms;
    this.find("over").textContent = fill(
      words.window,
      ((stop - start) / RATE_HZ).toFixed(1),
      (delay_ms / 1000).toFixed(1),
    );
    const verdict = this.find("verdict");
    verdict.className = `verdict${first.unsure ? " unsure" : ""}`;
    verdict.replaceChildren(...this.headline(first));
    this.find("more").textContent = agreement;
    this.find("models").replaceChildren(
      ...Object.keys(data.models)
        .filter((key) => key !== data.first && answers[key])
        .map((key) => this.row(data.models[key].name, answers[key])),
    );
    this.announce(first.unsure ? first.title : `${first.named[0]}, ${first.percent}`);
  }

  headline({ named, unsure, title, percent }) {
    const words = make("b", "", unsure ? title : named[0]);
    return [this.sign(named[0]), words, make("span", "percent", percent)];
  }

  row(name, answer) {
    const row = make("li", answer.unsure ? "unsure" : "");
    const bar = make("div", "bar");
    bar.append(this.paint(make("div"), answer.named[0]));
    bar.firstChild.style.width = `${100 * answer.share}%`;
    row.append(
      make("span", "name", name),
      this.sign(answer.named[0]),
      make("span", "label", answer.unsure ? answer.title : answer.named[0]),
      make("span", "percent", answer.percent),
      bar,
    );
    return row;
  }

  // Announces a new verdict to screen readers, at most every few seconds: what comes sooner waits,
  // and only the last of what waits is announced.
  announce(text) {
    clearTimeout(this.announcing);
    if (text === this.announcedText) return;
    const wait_ms = this.announcedAt + ANNOUNCE_MS - performance.now();
    if (wait_ms > 0) {
      this.announcing = setTimeout(() => this.announce(text), wait_ms);
      return;
    }
    this.announcedText = text;
    this.announcedAt = performance.now();
    this.find("announced").textContent = text;
  }

  // Returns the answers of the last minute by the time that they were given for.
  summary() {
    const times = new Map();
    for (const { start, stop, answers } of this.ticks) {
      if (!answers) continue;
      const { named, unsure } = answers[this.data.first];
      const name = unsure ? this.words.unsure : named[0];
      times.set(name, (times.get(name) ?? 0) + stop - start);
    }
    const parts = [...times]
      .sort((a, b) => b[1] - a[1])
      .map(([name, time]) => fill(this.words.part, name, Math.max(1, Math.round(time))));
    return parts.length ? fill(this.words.summary, parts.join(", ")) : "";
  }

  // --- Lanes ------------------------------------------------------------------------------------

  get from() {
    return Math.max(0, this.total / RATE_HZ - this.data.shown_s);
  }

  place(time) {
    return Math.min(Math.max((time - this.from) / this.data.shown_s, 0), 1);
  }

  draw() {
    if (!this.lanes) return;
    const total = this.total / RATE_HZ;
    this.find("clock").textContent = this.run
      ? fill(this.words.clock, clock(total), clock(this.run.limit_s))
      : clock(total);
    const first = total - this.levels.length * PIECE_S;
    const lines = this.levels.map(([low, high], i) => {
      const x = (WIDTH * this.place(first + (i + 0.5) * PIECE_S)).toFixed(1);
      const y = (sample) => ((HEIGHT / 2) * (1 - sample / 32768)).toFixed(1);
      return `M${x} ${y(Math.max(high, 300))}V${y(Math.min(low, -300))}`;
    });
    this.find("wave").firstElementChild.setAttribute("d", lines.join(""));
    const state = `${this.from} ${this.ticks.length} ${this.ticks.at(-1)?.stop}`;
    if (state === this.drawn) return;
    this.drawn = state;
    this.drawBand();
    for (const [key, lane] of this.lanes) this.drawLane(key, lane);
    this.drawTimes();
  }

  drawBand() {
    const shapes = this.areas.map(() => "");
    for (const { start, stop, answers } of this.ticks) {
      if (!answers) continue;
      const [left, right] = [start, stop].map((time) => (WIDTH * this.place(time)).toFixed(1));
      let below = 0;
      for (const [i, share] of answers[this.data.first].shares.entries()) {
        const above = Math.min(1, below + share);
        const [low, high] = [below, above].map((y) => (HEIGHT * (1 - y)).toFixed(1));
        shapes[i] += `M${left} ${low}V${high}H${right}V${low}Z`;
        below = above;
      }
    }
    for (const [i, area] of this.areas.entries()) area.setAttribute("d", shapes[i]);
  }

  drawLane(key, lane) {
    const runs = [];
    for (const { start, stop, answers } of this.ticks) {
      const answer = answers?.[key];
      const last = runs.at(-1);
      if (!answer) continue;
      const name = `${answer.named[0]} ${answer.unsure}`;
      if (last?.name === name && last.stop === start) last.stop = stop;
      else runs.push({ name, start, stop, label: answer.named[0], unsure: answer.unsure });
    }
    lane.replaceChildren(
      ...runs.map(({ start, stop, label, unsure }) => {
        const segment = this.paint(make("div", unsure ? "faint" : ""), label);
        const [left, right] = [this.place(start), this.place(stop)];
        segment.style.left = `${100 * left}%`;
        segment.style.width = `${100 * (right - left)}%`;
        segment.append(this.sign(label));
        return segment;
      }),
    );
  }

  drawTimes() {
    const marks = [];
    const start = Math.ceil(this.from / TICKS_S) * TICKS_S;
    for (let time = start; time <= this.from + this.data.shown_s; time += TICKS_S) {
      const place = this.place(time);
      const mark = make("span", place < 0.02 ? "first" : place > 0.98 ? "last" : "", clock(time));
      mark.style.left = `${100 * place}%`;
      marks.push(mark);
    }
    this.times.replaceChildren(...marks);
  }

  // --- The clip ---------------------------------------------------------------------------------

  // Uploads the last minute as the page uploads a file, and tells the page which file it is.
  async keep() {
    const { words } = this;
    const sound = toWav(this.pieces);
    this.enter("sending", words.sending);
    try {
      this.sendClip(await uploadFile(this.data, sound));
      this.dialog.close();
    } catch (error) {
      this.enter("off", error instanceof UploadError ? error.message : words.lost, true);
    }
  }
}
