// The card of a review: it plays a clip, and sends one answer to it, which the page stores.
// It reads the block of emo/app/review/card.py, which has nothing of a clip but its sound before
// the answer. The next clip is played at once, so that a person can work by single keys.

const MIN_HEARD_S = 0.3; // a key that is struck twice does not name the next clip unheard

export default function (component) {
  return showCard(Review, component);
}

class Review extends Card {
  constructor(root) {
    super(root);
    this.find("undo").onclick = () => this.undo();
    this.find("finish").onclick = () => this.ask("finish", true);
  }

  show(block) {
    const data = unpack(block);
    const key = `${data.rater} ${data.state} ${data.place}`;
    if (key === this.key) return; // the page was drawn again and shows the same
    const isOther = `${data.rater} ${data.place}` !== this.clip;
    this.data = data;
    this.key = key;
    this.isAsked = false;
    if (isOther) this.take(`${data.rater} ${data.place}`);
    this.write();
    this.card.dataset.ready = true;
    this.card.dataset.phase = "guess";
    this.card.dataset.place = data.place;
    if (this.hasActed) this.card.focus({ preventScroll: true });
    this.hasActed = false;
    if (isOther && this.find("auto").checked) this.start();
  }

  take(clip) {
    this.clip = clip;
    this.isHeard = false;
    this.stop();
    this.load(0);
  }

  // Before the first key or click the browser lets no sound begin by itself.
  start() {
    this.audio.play().catch(() => this.find("play").focus({ preventScroll: true }));
  }

  // --- What the rater does -----------------------------------------------------------------------

  onKey(event) {
    if (!this.takes(event)) return;
    const answer = Object.entries(this.data.keys).find(([, key]) => key === event.key);
    if (answer) this.answer(answer[0]);
    else if (event.key === "u" || event.key === "U" || event.key === "Backspace") this.undo();
    else if (event.key === " " && !this.isPressed(event)) this.toggle();
    else return;
    event.preventDefault();
  }

  answer(label) {
    const { labels, place, words } = this.data;
    this.hear();
    if (labels.includes(label) && !this.isHeard) {
      this.say(words.listen_first);
      this.find("play").focus({ preventScroll: true });
      return;
    }
    if (!this.ask("label", [place, label])) return;
    for (const button of this.card.querySelectorAll(".choice"))
      button.classList.toggle("chosen", button.dataset.label === label);
  }

  undo() {
    if (this.data.last) this.ask("undo", this.data.place);
  }

  // What is heard counts, not that the sound began.
  begin() {
    this.find("note").textContent = "";
  }

  hear() {
    const least = Math.min(MIN_HEARD_S, this.sound.duration_s / 2);
    this.isHeard ||= this.audio.currentTime >= least;
    this.card.dataset.heard = this.isHeard;
  }

  tick() {
    this.hear();
    this.markPlay();
    if (this.isPlaying) requestAnimationFrame(() => this.tick());
  }

  // --- What the card shows -----------------------------------------------------------------------

  write() {
    const { place, total, words, rater, labels, others, keys } = this.data;
    this.find("number").textContent = (place + 1).toLocaleString("en");
    this.find("total").textContent = ` / ${total.toLocaleString("en")}`;
    this.card.setAttribute(
      "aria-label",
      words.card.replace("{0}", place + 1).replace("{1}", total),
    );
    const progress = this.find("progress");
    progress.max = total;
    progress.value = place;
    progress.setAttribute("aria-label", words.progress);
    this.find("rater").textContent = rater;
    for (const name of ["question", "keys", "undo", "finish"])
      this.find(name).textContent = words[name];
    this.find("auto-label").textContent = words.auto;
    this.find("others").setAttribute("aria-label", words.others);
    this.find("note").textContent = "";
    this.find("choices").replaceChildren(
      ...labels.map((label) =>
        this.choiceButton(label, label, keys[label], () => this.answer(label)),
      ),
    );
    this.find("others").replaceChildren(
      ...others.map(([label, name]) =>
        this.choiceButton(label, name, keys[label], () => this.answer(label)),
      ),
    );
    this.writeWave();
    this.writeLast();
    this.tick();
  }

  writeLast() {
    const { last, words, signs } = this.data;
    this.find("last").hidden = !last;
    this.find("status").textContent = last ? last.status : "";
    if (!last) return;
    this.find("last-title").textContent = words.last;
    const line = [make("b", "", last.said), make("span", "name", last.name)];
    if (signs[last.label]) line.unshift(this.sign(last.label));
    this.find("last-line").replaceChildren(...line);
    this.find("said").replaceChildren(
      ...last.answers.map(({ name, label, text }) => {
        const chip = make("li", label === last.label ? "chip same" : "chip");
        chip.append(make("b", "", name), " ");
        if (signs[label]) chip.append(this.sign(label));
        chip.append(text);
        return chip;
      }),
    );
  }
}
