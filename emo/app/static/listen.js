// The game of the page Listen: one card with a clip, seven answers, and what others said.
// It reads the block of emo/app/listen/page.py, which holds nothing of an answer before the guess.
// It sends the guess, the step to the next clip, and the wish for a new round, each once.

export default function (component) {
  return showCard(Game, component);
}

class Game extends Card {
  constructor(root) {
    super(root);
    this.find("next").onclick = () => this.goOn();
    this.find("copy").onclick = () => this.copy();
    for (const name of ["again", "another"])
      this.find(name).onclick = () => this.ask("again", true);
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

  // --- What the visitor does ---------------------------------------------------------------------

  onKey(event) {
    if (!this.takes(event)) return;
    const { phase, labels } = this.data;
    const place = Number(event.key) - 1;
    if (phase === "guess" && event.key.trim() && labels[place]) this.guess(labels[place]);
    else if (this.isPressed(event) || phase === "summary") return;
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

  // --- Sound -------------------------------------------------------------------------------------

  tick() {
    if (this.data.phase === "summary") this.markClips();
    else this.markPlay();
    if (this.isPlaying) requestAnimationFrame(() => this.tick());
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

  writeChoices() {
    const { labels, words } = this.data;
    this.find("question").textContent = words.question;
    this.find("status").textContent = "";
    this.find("choices").replaceChildren(
      ...labels.map((label, i) => this.choiceButton(label, label, i + 1, () => this.guess(label))),
    );
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
    for (const [i, row] of [...this.find("clips").children].entries()) {
      const button = row.firstElementChild;
      const isOn = this.isPlaying && i === this.playing;
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
