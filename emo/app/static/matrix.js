// A confusion matrix as a table: a button in each cell, which says on demand what the cell holds.
// Sends back the cell that was chosen (once).  One stop of the tabulator; arrows go from there.

const matrices = new WeakMap();
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let matrix = matrices.get(parentElement);
  if (!matrix) {
    matrix = new Matrix(parentElement);
    matrices.set(parentElement, matrix);
  }
  matrix.pick = (cell) => setTriggerValue("cell", cell);
  matrix.show(data);
}

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Matrix {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.at = [0, 0];
    const body = this.find("body");
    body.onkeydown = (event) => this.go(event);
    body.onpointerover = (event) => this.say(event.target.closest(".cell"));
    body.onpointerleave = () => this.say(null);
    body.addEventListener(
      "focusin",
      (event) => event.target.matches(":focus-visible") && this.say(event.target),
    );
    body.addEventListener("focusout", () => this.say(null));
  }

  show(data) {
    const { selected, ...drawn } = data;
    const key = JSON.stringify(drawn);
    if (key !== this.key) {
      this.key = key;
      this.draw(drawn);
    }
    const [row, column] = selected ?? [-1, -1];
    if (data.selectable)
      this.each((cell, i, j) => cell.setAttribute("aria-pressed", i === row && j === column));
    if (selected) this.stand(row, column);
  }

  draw({ labels, texts, colours, sentences, words, selectable }) {
    const focused = this.cells?.flat().includes(this.find("body").getRootNode().activeElement);
    this.find("caption").textContent = words.caption;
    this.find("across").textContent = words.across;
    this.find("across").colSpan = labels.length;
    const heads = labels.map((label) => {
      const head = make("th", "", { scope: "col" });
      head.append(make("span", label));
      return head;
    });
    this.find("head").replaceChildren(make("th", words.down, { scope: "col" }), ...heads);
    this.cells = labels.map((acted, i) =>
      labels.map((answer, j) => {
        const cell = make("button", texts[i][j], {
          type: "button",
          class: i === j ? "cell right" : "cell",
        });
        if (colours[i][j]) cell.style.background = `light-dark(${colours[i][j]})`;
        cell.dataset.sentence = sentences[i][j];
        cell.setAttribute("aria-label", `${texts[i][j]}. ${sentences[i][j]}`);
        cell.onclick = () => {
          this.stand(i, j);
          this.say(cell);
          if (selectable) this.pick([acted, answer]);
        };
        return cell;
      }),
    );
    this.find("body").replaceChildren(
      ...labels.map((label, i) => {
        const row = make("tr", "");
        row.append(make("th", label, { scope: "row" }));
        for (const cell of this.cells[i]) {
          row.append(make("td", ""));
          row.lastChild.append(cell);
        }
        return row;
      }),
    );
    this.say(null);
    this.stand(...this.at.map((place) => Math.min(place, labels.length - 1)));
    if (focused) this.cells[this.at[0]][this.at[1]].focus();
  }

  each(act) {
    for (const [i, row] of this.cells.entries()) {
      for (const [j, cell] of row.entries()) act(cell, i, j);
    }
  }

  // The cell that the tabulator comes to.
  stand(row, column) {
    this.at = [row, column];
    this.each((cell, i, j) => {
      cell.tabIndex = i === row && j === column ? 0 : -1;
    });
  }

  go(event) {
    if (event.key === "Escape") this.say(null);
    const last = this.cells.length - 1;
    const [row, column] = this.at;
    const step = STEPS[event.key];
    let place = null;
    if (step)
      place = [row + step[0], column + step[1]].map((to) => Math.min(Math.max(to, 0), last));
    else if (event.key === "Home") place = [row, 0];
    else if (event.key === "End") place = [row, last];
    if (!place || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.stand(...place);
    this.cells[place[0]][place[1]].focus();
  }

  // What a cell holds, beside it, while it is pointed at or has the keyboard.
  say(cell) {
    const said = this.find("said");
    said.hidden = !cell;
    if (!cell) return;
    said.textContent = cell.dataset.sentence;
    const all = said.parentElement.getBoundingClientRect();
    const one = cell.getBoundingClientRect();
    const middle = one.left - all.left + one.width / 2 - said.offsetWidth / 2;
    said.style.left = `${Math.max(0, Math.min(middle, all.width - said.offsetWidth))}px`;
    said.style.top = `${one.top - all.top - said.offsetHeight - 6}px`;
  }
}
