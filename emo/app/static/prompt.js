// Cards of the page Teach it: a sentence and an emotion, and a button to hold while speaking.
// A recording is uploaded as any file; the page gets its id.  The functions are in recording.js.

const TAP_MS = 400; // a shorter press starts, and the next one stops
const IDLE_MS = 20_000; // until the microphone is closed
const LAST_PIECE_MS = 250;
const PIECE_S = 0.1; // of worklet.js
const SOFTEST_DB = -60; // of the meter
const QUIET_DB = -38;
const LOUD = 32_700; // of 32,768

const cards = new WeakMap();

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let card = cards.get(parentElement);
  if (!card) {
    card = new Card(parentElement);
    cards.set(parentElement, card);
  }
  card.send = setTriggerValue;
  card.show(data);
  return () => setTimeout(() => card.leave(), 0);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Card {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = this.find("card");
    this.audio = new Audio();
    this.state = "off";
    this.listen();
  }

  // --- What the page sends -----------------------------------------------------------------------

  show(data) {
    const { words } = data;
    this.data = data;
    for (const name of ["title", "hint", "skip", "sentence", "hear", "again"])
      this.find(name).textContent = words[name] ?? data[name];
    this.find("number").textContent = words.card.replace("{0}", data.number + 1);
    this.find("act").textContent = words.act.replace("{0}", data.emotion);
    this.find("meant-label").textContent = words.meant;
    this.find("meter").setAttribute("aria-label", words.level);
    this.paint(this.find("sign"), data.emotion);
    this.writeChoice();
    this.writeLast();
    this.write();
    const [number, sentence] = data.fault;
    if (number !== (this.faults ?? number)) this.find("note").textContent = sentence;
    this.faults = number;
    this.root.dataset.ready = true;
  }

  paint(element, label) {
    const [light, dark, shape] = this.data.signs[label];
    element.style.setProperty("--colour", `light-dark(${light}, ${dark})`);
    element.style.setProperty("--shape", shape);
    return element;
  }

  writeChoice() {
    const { signs, chosen, words } = this.data;
    const place = this.find("choice");
    place.setAttribute("aria-label", words.choice);
    if (!place.children.length)
      place.append(
        make("span", "small", words.choice),
        ...Object.keys(signs).map((label) => {
          const button = make("button", "pill");
          button.type = "button";
          button.dataset.label = label;
          button.append(this.paint(make("span", "sign"), label), label);
          button.onclick = () => this.choose(label);
          return button;
        }),
      );
    for (const button of place.querySelectorAll("button"))
      button.setAttribute("aria-pressed", chosen.includes(button.dataset.label));
  }

  choose(label) {
    const chosen = new Set(this.data.chosen);
    if (!chosen.delete(label)) chosen.add(label);
    if (chosen.size && this.state !== "recording") this.send("emotions", [...chosen]);
  }

  writeLast() {
    const { last, signs } = this.data;
    this.find("last").hidden = !last;
    if (!last) return;
    const select = this.find("meant");
    if (!select.options.length)
      for (const label of Object.keys(signs)) select.append(new Option(label, label));
    select.value = last.meant;
    this.find("answer").textContent = last.answer;
    this.find("hear").hidden = this.sent?.number !== last.number;
    const said = `${this.data.words.meant} ${last.meant}. ${last.answer}`;
    if (this.find("status").textContent !== said) this.find("status").textContent = said;
  }

  // --- Controls ----------------------------------------------------------------------------------

  listen() {
    const record = this.find("record");
    record.onpointerdown = (event) => {
      if (event.button !== 0) return;
      record.setPointerCapture(event.pointerId);
      this.pressed = "pointer";
      this.down();
    };
    record.onpointerup = () => this.pressed === "pointer" && this.up();
    record.onpointercancel = () => this.pressed === "pointer" && this.up();
    record.oncontextmenu = (event) => event.preventDefault(); // of a long touch
    record.onkeydown = (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (event.repeat || this.pressed) return;
      this.pressed = "key";
      this.down();
    };
    record.onkeyup = (event) => {
      if ((event.key === " " || event.key === "Enter") && this.pressed === "key") this.up();
    };
    record.onblur = () => this.pressed === "key" && this.up();
    // A screen reader may click without a press.
    record.onclick = () => {
      if (performance.now() - (this.releasedAt ?? -TAP_MS) < TAP_MS) return;
      this.down();
      this.up(true);
    };
    this.find("skip").onclick = () =>
      this.state !== "recording" && this.send("skip", this.data.number);
    this.find("meant").onchange = (event) => this.send("meant", event.target.value);
    this.find("again").onclick = () => this.send("again", true);
    this.find("hear").onclick = () => this.hear();
    this.hidden = () => this.shut();
    window.addEventListener("pagehide", this.hidden);
  }

  leave() {
    if (this.root.isConnected) return; // the page was redrawn
    this.shut();
    this.audio.pause();
    if (this.sent) URL.revokeObjectURL(this.sent.address);
    window.removeEventListener("pagehide", this.hidden);
  }

  down() {
    this.downAt = performance.now();
    this.isStopped = this.state === "recording";
    if (this.isStopped) this.finish();
    else if (this.state === "off" || this.state === "ready") this.begin();
  }

  up(isTap = performance.now() - this.downAt < TAP_MS) {
    this.pressed = "";
    this.releasedAt = performance.now();
    if (this.isStopped) return; // this press ended a recording
    if (isTap) this.write();
    else if (this.state === "recording") this.finish();
    else this.isWanted = false; // released before the microphone was open
  }

  // --- The microphone ----------------------------------------------------------------------------

  async begin() {
    this.isWanted = true;
    this.audio.pause();
    if (!this.microphone && !(await this.open())) return;
    if (!this.isWanted) return this.enter("ready", this.data.words.ready);
    this.pieces = [];
    this.enter("recording");
  }

  async open() {
    const { words, worklet } = this.data;
    this.enter("opening", words.opening);
    const microphone = {};
    try {
      await openMicrophone(microphone, worklet, () => this.shut(words.unplugged));
      if (!this.root.isConnected) {
        closeMicrophone(microphone);
        return false;
      }
      readMicrophone(microphone, (piece) => this.take(piece));
      this.microphone = microphone;
      return true;
    } catch (error) {
      closeMicrophone(microphone);
      const reason = microphoneFault(error, words);
      if (reason === "failed") console.warn("prompt", error);
      this.enter("off", words[reason]);
      return false;
    }
  }

  // Closes the microphone; what was being recorded is dropped.
  shut(note = "") {
    clearTimeout(this.idle);
    if (!this.microphone) return;
    closeMicrophone(this.microphone);
    this.microphone = null;
    this.pieces = [];
    this.meter(0);
    if (this.state !== "sending") this.enter("off", note);
  }

  take(piece) {
    let peak = 1;
    for (const sample of piece) peak = Math.max(peak, Math.abs(sample));
    this.meter(peak);
    if (this.state !== "recording") return;
    this.pieces.push(piece);
    this.peak = Math.max(this.pieces.length > 1 ? this.peak : 0, peak);
    const time_s = this.pieces.length * PIECE_S;
    this.find("time").textContent = `${time_s.toFixed(1)} s`;
    if (this.isEnding || time_s >= this.data.limit_s) this.deliver();
  }

  meter(peak) {
    const level_db = 20 * Math.log10(Math.max(peak, 1) / 32_768);
    const level = this.find("level");
    level.style.transform = `scaleX(${Math.max(0, 1 - level_db / SOFTEST_DB)})`;
    level.classList.toggle("loud", peak >= LOUD);
  }

  // Waits for the piece that is being recorded, then sends all.
  finish() {
    this.isEnding = true;
    this.late = setTimeout(() => this.deliver(), LAST_PIECE_MS);
  }

  async deliver() {
    if (this.state !== "recording") return;
    clearTimeout(this.late);
    this.isEnding = false;
    const { words, min_s, number } = this.data;
    const pieces = this.pieces;
    this.pieces = [];
    if (pieces.length * PIECE_S <= min_s) return this.enter("ready", words.short);
    const blob = toWav(pieces);
    const peak_db = 20 * Math.log10(this.peak / 32_768);
    const remark = peak_db < QUIET_DB ? words.quiet : this.peak >= LOUD ? words.loud : "";
    this.enter("sending", words.sending);
    try {
      const id = await uploadFile(this.data, blob);
      if (this.sent) URL.revokeObjectURL(this.sent.address);
      this.sent = { number, address: URL.createObjectURL(blob) };
      this.enter(this.microphone ? "ready" : "off", remark || (this.microphone ? words.on : ""));
      this.send("recorded", [number, id]);
    } catch (error) {
      const said = error instanceof UploadError ? error.message : words.lost;
      this.enter(this.microphone ? "ready" : "off", said);
    }
  }

  hear() {
    if (!this.audio.paused) return this.audio.pause();
    this.audio.src = this.sent.address;
    this.audio.play();
  }

  // --- The state ---------------------------------------------------------------------------------

  enter(state, note = "") {
    this.state = state;
    clearTimeout(this.idle);
    if (state === "ready") this.idle = setTimeout(() => this.shut(this.data.words.closed), IDLE_MS);
    if (state !== "recording") this.isEnding = false;
    this.find("note").textContent = note;
    this.write();
  }

  write() {
    const { words } = this.data;
    this.root.dataset.state = this.state;
    const isRecording = this.state === "recording";
    const label = isRecording ? (this.pressed ? words.release : words.stop) : words.record;
    this.find("label").textContent = label;
    const record = this.find("record");
    record.setAttribute("aria-label", isRecording ? words.stop : words.start);
    record.setAttribute("aria-disabled", this.state === "sending" || this.state === "opening");
    if (!isRecording) this.find("time").textContent = "";
    if (isRecording) this.find("note").textContent = words.recording;
  }
}
