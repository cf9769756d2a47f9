// The game of the page Listen: one card with a clip, seven answers, and what others said.
// It reads the block of emo/app/listen/page.py, which holds nothing of an answer before the guess.
// It sends the guess, the step to the next clip, and the wish for a new round, each once.

const games = new WeakMap();
const TYPED = "input, textarea, select, [contenteditable]";
const PRESSED = "button, a, summary, [role=slider], [role=tab], [role=radio], [role=menuitem]";

export default function ({ data, parentElement, setTriggerValue }) {
  let game = games.get(parentElement);
  if (!game) {
    game = new Game(parentElement);
    games.set(parentElement, game);
  }
  game.send = setTriggerValue;
  game.show(data);
  return () => setTimeout(() => game.leave(), 0);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function unpack(block) {
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

class Game {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.card = this.find("card");
    this.audio = new Audio();
    this.audio.onplay = this.audio.onpause = () => this.tick();
    this.audio.onended = () => this.tick();
    this.find("play").onclick = () => this.toggle();
    this.find("next").onclick = () => this.goOn();
    this.find("copy").onclick = () => this.copy();
    for (const name of ["again", "another"])
      this.find(name).onclick = () => this.ask("again", true);
    this.press = (event) => this.onKey(event);
    document.addEventListener("keydown", this.press);
  }

  show(block) {
    const data = unpack(block);
    const key = `${data.seed} ${data.phase} ${data.place}`;
    if (key === this.key) return; // the page was drawn again and shows the same
    const clip = `${data.seed} ${data.phase === "summary" ? data.phase : data.place}`;
    this.data = data;
    this.key = key;
    this.isAsked = false;
    if (clip !== this.clip) this.take(clip);
    this.write();
    this.card.dataset.ready = true;
    this.card.dataset.phase = data.phase;
    if (this.hasActed) this.focus();
    this.hasActed = false;
  }

  // Takes the sound of another clip; at the summary none is playing yet.
  take(clip) {
    this.clip = clip;
    this.isHeard = false;
    this.playing = null;
    this.stop();
    if (this.data.phase !== "summary") this.load(0);
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

  // --- What the visitor does ---------------------------------------------------------------------

  onKey(event) {
    if (!this.card.isConnected || event.defaultPrevented || event.repeat) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (target.matches?.(TYPED)) return;
    const { phase, labels } = this.data;
    const place = Number(event.key) - 1;
    if (phase === "guess" && event.key.trim() && labels[place]) this.guess(labels[place]);
    else if (target.matches?.(PRESSED) || phase === "summary") return;
    else if (event.key === " ") this.toggle();
    else if (event.key === "Enter" && phase === "answer") this.goOn();
    else return;
    event.preventDefault();
  }

  guess(label) {
    if (!this.isHeard) {
      this.say(this.data.words.listen_first);
      this.find("play").focus({ preventScroll: true });
      return;
    }
    if (this.ask("guess", [this.data.place, label]))
      for (const button of this.find("choices").children)
        button.classList.toggle("chosen", button.dataset.label === label);
  }

  goOn() {
    this.ask("step", this.data.place);
  }

  // Sends a wish once; the page answers it with another state.
  ask(name, value) {
    if (this.isAsked) return false;
    this.isAsked = this.hasActed = true;
    this.send(name, value);
    return true;
  }

  // The control that had the focus is gone: the keyboard goes on from the card, or from Play.
  focus() {
    const isGuess = this.data.phase === "guess";
    (isGuess ? this.find("play") : this.card).focus({ preventScroll: true });
    const { top } = this.card.getBoundingClientRect();
    if (top < 0) this.card.scrollIntoView({ block: "start" });
  }

  async copy() {
    const { words, seed } = this.data;
    const address = new URL(location.href);
    address.search = new URLSearchParams({ round: seed });
    address.hash = "";
    this.say((await write(address.href)) ? words.copied : words.not_copied);
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
      () => {
        this.isHeard = true;
        this.card.dataset.heard = true;
        this.find("note").textContent = "";
      },
      () => {
        this.isHeard = true; // who cannot play it may still guess
        this.say(this.data.words.no_sound);
      },
    );
  }

  tick() {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    const { words, phase } = this.data;
    if (phase === "summary") this.markClips();
    else {
      const button = this.find("play");
      button.dataset.playing = isPlaying;
      button.title = isPlaying ? words.pause : words.play;
      button.setAttribute("aria-label", button.title);
      this.mark(this.audio.ended ? 0 : this.audio.currentTime);
    }
    if (isPlaying) requestAnimationFrame(() => this.tick());
  }

  mark(time) {
    if (this.data.phase === "summary" || !this.sound) return;
    const { duration_s } = this.sound;
    this.find("wave").style.setProperty("--played", `${(100 * time) / duration_s}%`);
    this.find("time").textContent = clock(time || duration_s);
  }

  // --- What the card shows -----------------------------------------------------------------------

  write() {
    const { phase, place, total, words, seed } = this.data;
    const number = Math.min(place + 1, total);
    const isSummary = phase === "summary";
    this.find("number").textContent = number;
    this.find("total").textContent = ` / ${total}`;
    this.card.setAttribute(
      "aria-label",
      isSummary ? words.result : words.card.replace("{0}", number).replace("{1}", total),
    );
    this.card.dataset.heard = this.isHeard;
    for (const name of ["keys", "copy", "again"]) this.find(name).textContent = words[name];
    this.find("round").textContent = words.round.replace("{0}", seed);
    this.find("note").textContent = "";
    this.find("game").hidden = isSummary;
    this.find("summary").hidden = !isSummary;
    this.dots();
    if (isSummary) return this.writeSummary();
    this.find("ask").hidden = phase === "answer";
    this.find("answer").hidden = phase !== "answer";
    this.writeWave();
    this.writeScores();
    if (phase === "answer") this.writeAnswer();
    else this.writeChoices();
    this.tick();
  }

  dots() {
    const { right, total, place } = this.data;
    this.find("dots").replaceChildren(
      ...Array.from({ length: total }, (_, i) => {
        const kind = i < right.length ? (right[i] ? "hit" : "miss") : "";
        return make("li", `${kind}${i === place ? " here" : ""}`);
      }),
    );
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

  writeChoices() {
    const { labels, words } = this.data;
    this.find("question").textContent = words.question;
    this.find("status").textContent = "";
    this.find("choices").replaceChildren(
      ...labels.map((label, i) => {
        const button = make("button", "choice");
        button.type = "button";
        button.dataset.label = label;
        button.setAttribute("aria-keyshortcuts", i + 1);
        button.onclick = () => this.guess(label);
        const digit = make("kbd", "", i + 1);
        digit.setAttribute("aria-hidden", true);
        button.append(this.sign(label), make("span", "", label), digit);
        return button;
      }),
    );
  }

  sign(label) {
    const sign = make("span", "sign");
    sign.setAttribute("aria-hidden", true);
    const [light, dark, shape] = this.data.signs[label];
    sign.style.setProperty("--colour", `light-dark(${light}, ${dark})`);
    sign.style.setProperty("--shape", shape);
    return sign;
  }

  writeAnswer() {
    const { answer, labels, words, place, total } = this.data;
    for (const name of ["verdict", "spoken", "remark"]) this.find(name).textContent = answer[name];
    this.find("caption").textContent = words.board;
    this.find("heads").replaceChildren(
      ...[words.emotion, words.listeners, words.said].map((text) => {
        const head = make("th", "", text);
        head.scope = "col";
        return head;
      }),
    );
    this.find("rows").replaceChildren(...labels.map((label) => this.boardRow(label)));
    this.find("next").textContent = place + 1 === total ? words.finish : words.next;
    this.find("status").textContent = `${answer.status} ${answer.score}`;
  }

  boardRow(label) {
    const { answer, words } = this.data;
    const row = make("tr", label === answer.acted ? "acted" : "");
    const head = make("th");
    head.scope = "row";
    head.append(this.sign(label), make("span", "", label));
    if (label === answer.acted) head.append(make("span", "badge", words.acted));
    const votes = make("td", "votes");
    if (answer.votes) {
      const most = Object.values(answer.votes).reduce((sum, n) => sum + n, 0);
      const n = answer.votes[label] ?? 0;
      const bar = make("div", "bar");
      bar.style.setProperty("--width", `${(100 * n) / most}%`);
      bar.style.setProperty("--colour", `light-dark(${this.data.signs[label].slice(0, 2)})`);
      if (n) votes.append(bar);
      votes.append(make("span", "count", n));
    } else votes.append(make("span", "count", "–"));
    const said = make("td", "said");
    for (const { key, name, share } of answer.said[label]) {
      const chip = make("span", `chip ${key}`);
      chip.append(make("b", "", name), share ? ` ${share}` : "");
      said.append(chip);
    }
    row.append(head, votes, said);
    return row;
  }

  writeScores() {
    const { scores, right, words } = this.data;
    this.find("scored").hidden = !right.length;
    this.find("score-title").textContent = words.score;
    this.find("scores").replaceChildren(
      ...scores.map(({ key, name, text }) => {
        const group = make("div", key);
        group.append(make("dt", "", name), make("dd", "", text));
        return group;
      }),
    );
  }

  // --- The summary -------------------------------------------------------------------------------

  writeSummary() {
    const { words, result, scores, clips } = this.data;
    this.find("result").textContent = result;
    this.find("another").textContent = words.another;
    this.find("result-title").textContent = words.result;
    this.find("ranking-caption").textContent = words.result;
    this.find("hear-title").textContent = words.hear;
    this.find("status").textContent = result;
    this.find("ranking").replaceChildren(
      ...scores.map(({ key, name, text, share }) => {
        const row = make("tr", key);
        const head = make("th", "", name);
        head.scope = "row";
        const track = make("td", "track");
        const bar = make("div", "bar");
        bar.style.setProperty("--width", `${100 * share}%`);
        track.append(bar);
        row.append(head, track, make("td", "count", text));
        return row;
      }),
    );
    this.writeMatrices();
    this.find("clips").replaceChildren(...clips.map((clip, i) => this.clipRow(clip, i)));
    this.markClips();
  }

  writeMatrices() {
    const { matrices, names, words } = this.data;
    const [own, ...others] = Object.keys(matrices);
    const first = make("div");
    first.append(make("h3", "", `${words.matrix}: ${names[own].toLowerCase()}`), this.matrix(own));
    const second = make("div");
    const label = make("label", "", `${words.beside} `);
    const select = make("select");
    for (const key of others) {
      const option = make("option", "", names[key]);
      option.value = key;
      select.append(option);
    }
    select.value = others.includes("ensemble") ? "ensemble" : others[0];
    label.append(select);
    const place = make("div");
    const draw = () => place.replaceChildren(this.matrix(select.value));
    select.onchange = draw;
    draw();
    second.append(label, place);
    this.find("matrices").replaceChildren(first, second);
  }

  matrix(key) {
    const { matrices, labels, names, words } = this.data;
    const { counts, sentences } = matrices[key];
    const table = make("table", "matrix");
    table.append(make("caption", "", `${words.matrix}: ${names[key]}`));
    const heads = make("tr");
    const corner = make("td", "corner", `${words.acted_down} ↓ ${words.answer_across} →`);
    heads.append(corner, ...labels.map((label) => this.head(label, "col", false)));
    const top = make("thead");
    top.append(heads);
    const body = make("tbody");
    for (const [i, label] of labels.entries()) {
      const row = make("tr");
      row.append(this.head(label, "row", true));
      for (const [j, n] of counts[i].entries()) {
        const cell = make("td", i === j ? "cell right" : "cell", n || "");
        cell.style.setProperty("--share", n ? 0.25 + Math.min(n, 3) * 0.2 : 0);
        if (n) cell.title = sentences[i][j];
        row.append(cell);
      }
      body.append(row);
    }
    table.append(top, body);
    return table;
  }

  head(label, scope, isNamed) {
    const head = make("th");
    head.scope = scope;
    head.title = label;
    head.append(this.sign(label), make("span", isNamed ? "" : "unseen", label));
    return head;
  }

  clipRow(clip, i) {
    const { words } = this.data;
    const row = make("li", clip.answers[0].is_right ? "" : "missed");
    const button = make("button", "play small-play");
    button.type = "button";
    button.innerHTML = this.find("play").innerHTML;
    button.onclick = () => this.hear(i);
    const text = make("div");
    const acted = make("p", "line");
    acted.append(
      this.sign(clip.acted),
      make("b", "", clip.acted),
      " ",
      make("span", "small", clip.spoken),
    );
    const said = make("ul", "said");
    for (const { name, label, text: shown, is_right } of clip.answers) {
      const chip = make("li", is_right ? "chip right" : "chip");
      chip.append(make("b", "", name), " ", this.sign(label), shown);
      chip.append(make("span", "unseen", `, ${is_right ? words.right : words.wrong}`));
      said.append(chip);
    }
    text.append(acted, said);
    row.append(button, text);
    return row;
  }

  hear(place) {
    if (this.playing === place && !this.audio.paused) return this.audio.pause();
    if (this.playing !== place) {
      this.playing = place;
      this.load(place);
    }
    this.audio.play().catch(() => this.say(this.data.words.no_sound));
  }

  markClips() {
    const { words } = this.data;
    const isPlaying = !this.audio.paused && !this.audio.ended;
    for (const [i, row] of [...this.find("clips").children].entries()) {
      const button = row.firstElementChild;
      const isOn = isPlaying && i === this.playing;
      if (button.dataset.playing === String(isOn)) continue;
      button.dataset.playing = isOn;
      button.title = (isOn ? words.pause_clip : words.hear_clip).replace("{0}", i + 1);
      button.setAttribute("aria-label", button.title);
    }
  }
}

// Writes to the clipboard, also where the page is served without https.
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea");
    field.value = text;
    field.style.position = "fixed";
    document.body.append(field);
    field.select();
    const isDone = document.execCommand("copy");
    field.remove();
    return isDone;
  }
}
