// A table of clips: a row each, one tick to choose it, one click to open or to play it.
// Sends back what is ticked and which emotions were chosen (kept), and which clip or which order was
// asked for (once).  A clip is played by the component "sound".

const tables = new WeakMap();
const MODELS_A_ROW = 3; // of a card, where the table has no room

export default function ({ data: [data], parentElement, setStateValue, setTriggerValue }) {
  let table = tables.get(parentElement);
  if (!table) {
    table = new Table(parentElement);
    tables.set(parentElement, table);
  }
  table.send = setStateValue;
  table.ask = setTriggerValue;
  table.show(data);
  return () => setTimeout(() => table.leave(), 0);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Table {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.rows = new Map();
    this.chosen = {};
    this.playing = null;
    this.listen = ({ detail }) => {
      this.playing = detail.playing;
      this.mark();
    };
    document.addEventListener("emo-sound-state", this.listen);
  }

  leave() {
    if (!this.find("body").isConnected)
      document.removeEventListener("emo-sound-state", this.listen);
  }

  show(data) {
    const { words } = data;
    this.words = words;
    this.signs = data.signs;
    this.columns = data.columns;
    this.labels = data.labels;
    this.expected = new Map(data.rows.map((row) => [row.id, row.expected]));
    if (this.round !== data.round) {
      this.round = data.round;
      this.ticked = new Set(data.ticked);
    }
    this.find("caption").textContent = words.caption;
    this.find("scroll").setAttribute("aria-label", words.caption);
    this.head(data);
    const body = this.find("body");
    const shown = data.rows.map((row) => this.row(row));
    // A row that is where it belongs is left alone, so that it keeps the focus.
    for (const [i, row] of shown.entries()) {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
    }
    while (body.children.length > shown.length) body.lastChild.remove();
    const ids = new Set(data.rows.map((row) => row.id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
    this.mark();
  }

  head({ columns, order }) {
    const key = JSON.stringify([columns, order]);
    if (key === this.headed) return;
    this.headed = key;
    const old = this.find("head");
    const focused = old.getRootNode().activeElement?.dataset.order;
    const first = make("th", "tick");
    first.append(make("span", "", this.words.ticks));
    const second = make("th", "play");
    second.append(make("span", "unseen", this.words.plays));
    const cells = columns.map((column) => {
      const cell = make("th", column.key);
      if (!column.order) cell.textContent = column.title;
      else {
        const button = make("button", "", column.title);
        button.type = "button";
        button.dataset.order = column.order;
        button.title = this.words.order.replace("{0}", () => column.order_name);
        button.onclick = () => this.ask("order", column.order);
        cell.setAttribute(
          "aria-sort",
          order !== column.order ? "none" : column.falls ? "descending" : "ascending",
        );
        cell.append(button);
      }
      return cell;
    });
    for (const cell of [first, second, ...cells]) {
      cell.setAttribute("role", "columnheader");
      cell.setAttribute("scope", "col");
    }
    old.replaceChildren(first, second, ...cells);
    if (focused) old.querySelector(`[data-order="${focused}"]`)?.focus();
  }

  row(row) {
    const { expected, ...drawn } = row; // a choice leaves the row, and the focus, where it is
    const key = JSON.stringify([drawn, this.columns.length]);
    const known = this.rows.get(row.id);
    if (known?.key === key) return known.element;
    const element = make(
      "tr",
      row.error ? "unread" : `opens${row.non_speech ? " non-speech" : ""}`,
    );
    element.dataset.id = row.id;
    element.setAttribute("role", "row");
    element.append(this.tick(row), this.play(row), this.name(row));
    if (!row.error) {
      element.append(
        make("td", "length", row.length),
        this.expect(row),
        ...this.answers(row.answers),
        make("td", "agreement", row.agreement),
      );
      element.onclick = (event) => {
        if (event.target.closest("button, label, input, select") || getSelection().toString())
          return;
        this.ask("open", row.id);
      };
    }
    for (const cell of element.querySelectorAll("td")) cell.setAttribute("role", "cell");
    this.rows.set(row.id, { key, element });
    return element;
  }

  tick(row) {
    const cell = make("td", "tick");
    const label = make("label");
    const box = make("input");
    box.type = "checkbox";
    box.setAttribute(
      "aria-label",
      this.words.tick.replace("{0}", () => row.name),
    );
    box.onchange = () => {
      if (box.checked) this.ticked.add(row.id);
      else this.ticked.delete(row.id);
      this.mark();
      this.send("ticked", [...this.ticked]);
    };
    label.append(box);
    cell.append(label);
    return cell;
  }

  play(row) {
    const cell = make("td", "play");
    if (row.error) return cell;
    const button = make("button");
    button.type = "button";
    button.dataset.name = row.name;
    button.onclick = () => {
      const detail = { id: row.id, handled: false };
      document.dispatchEvent(new CustomEvent("emo-sound", { detail }));
      if (!detail.handled) this.ask("play", row.id);
    };
    cell.append(button);
    return cell;
  }

  expect(row) {
    const cell = make("td", "expected");
    cell.dataset.title = this.columns.find((column) => column.key === "expected").title;
    const select = make("select");
    select.setAttribute(
      "aria-label",
      this.words.expect.replace("{0}", () => row.name),
    );
    for (const label of ["", ...this.labels]) {
      const option = make("option", "", label || this.words.none);
      option.value = label;
      select.append(option);
    }
    select.onchange = () => {
      this.chosen[row.id] = select.value;
      this.send("expected", { ...this.chosen });
    };
    cell.append(select);
    return cell;
  }

  name(row) {
    const cell = make("th", "name");
    cell.setAttribute("role", "rowheader");
    cell.setAttribute("scope", "row");
    if (row.error) {
      cell.colSpan = this.columns.length;
      cell.append(make("b", "", row.name));
    } else {
      const button = make("button", "", row.name);
      button.type = "button";
      button.title = this.words.open.replace("{0}", () => row.name);
      button.onclick = () => this.ask("open", row.id);
      cell.append(button);
    }
    cell.append(...row.notes.map((note) => make("small", "", note)));
    return cell;
  }

  // A cell for each column of answers; one without an answer has a dash.
  answers(answers) {
    let place = 0;
    return this.columns
      .filter((column) => column.is_answer)
      .map((column) => {
        const { key } = column;
        const cell = answers[key] ? this.answer(column, answers[key]) : make("td", "answer", "–");
        cell.classList.add(column.is_model ? "model" : key);
        cell.dataset.key = key;
        cell.dataset.title = column.title;
        if (column.is_model) {
          cell.style.setProperty("--column", 2 + (place % MODELS_A_ROW));
          cell.style.setProperty("--row", 4 + Math.floor(place / MODELS_A_ROW));
          place += 1;
        }
        return cell;
      });
  }

  answer(column, { label, text, share, note, lack, unsure }) {
    const cell = make("td", `answer${unsure ? " unsure" : ""}`);
    const sign = make("span", "sign");
    const [light, dark, shape] = this.signs[label];
    sign.style.setProperty("--colour", `light-dark(${light}, ${dark})`);
    sign.style.setProperty("--shape", shape);
    const below = make("span", "below");
    below.append(make("span", "share", share));
    cell.append(sign, make("b", "", text), " ", below);
    if (!column.is_model) {
      const mark = make("span", "mark");
      mark.setAttribute("role", "img");
      mark.dataset.label = label;
      below.append(" ", mark);
    }
    if (note && column.is_model) cell.title = note;
    else if (lack) cell.append(make("small", "", lack));
    return cell;
  }

  mark() {
    for (const [id, { element }] of this.rows) {
      const isTicked = this.ticked.has(id);
      element.classList.toggle("ticked", isTicked);
      element.querySelector("input").checked = isTicked;
      const expected = this.chosen[id] ?? this.expected.get(id) ?? "";
      const select = element.querySelector("select");
      if (select) select.value = expected;
      for (const mark of element.querySelectorAll(".mark")) {
        const isRight = mark.dataset.label === expected;
        mark.hidden = !expected;
        mark.classList.toggle("wrong", !isRight);
        mark.textContent = isRight ? "✓" : "✗";
        mark.title = isRight ? this.words.right : this.words.wrong;
        mark.setAttribute("aria-label", mark.title);
      }
      const button = element.querySelector(".play button");
      if (!button) continue;
      const isPlaying = this.playing === id;
      const word = isPlaying ? this.words.pause : this.words.play;
      button.classList.toggle("playing", isPlaying);
      button.setAttribute(
        "aria-label",
        word.replace("{0}", () => button.dataset.name),
      );
    }
  }
}
