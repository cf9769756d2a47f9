// A confusion matrix as a table with a button in each cell, whose meaning a tooltip shows.
// A click sends the acted emotion and the answer of the cell. The matrix is one tab stop; the arrow
// keys move between its cells.

const matrices = new WeakMap();
let focused = 0; // the number of the last click whose cell got the keyboard
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let matrix = matrices.get(parentElement);
  if (!matrix) {
    matrix = new Matrix(parentElement);
    matrices.set(parentElement, matrix);
  }
  matrix.select = (cell) => setTriggerValue("cell", cell);
  matrix.show(data);
}

function createElement(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Matrix {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.current = [0, 0];
    const body = this.find("body");
    body.onkeydown = (event) => this.move(event);
    body.onpointerover = (event) => this.describe(event.target.closest(".cell"));
    body.onpointerleave = () => this.describe(null);
    body.addEventListener(
      "focusin",
      (event) => event.target.matches(":focus-visible") && this.describe(event.target),
    );
    body.addEventListener("focusout", () => this.describe(null));
  }

  show(data) {
    const { selected, focus, small, ...drawn } = data;
    this.find("body").closest(".matrix").classList.toggle("small", Boolean(small));
    const key = JSON.stringify(drawn);
    if (key !== this.key) {
      this.key = key;
      this.draw(drawn);
    }
    const [row, column] = selected ?? [-1, -1];
    if (data.selectable)
      this.forEachCell((cell, i, j) =>
        cell.setAttribute("aria-pressed", i === row && j === column),
      );
    if (selected) this.setCurrent(row, column);
    if (selected && focus > focused) {
      // A matrix that became large is drawn anew: the way by the keyboard goes on from its cell.
      focused = focus;
      this.cells[row][column].focus({ preventScroll: true });
    }
  }

  draw({ labels, texts, colours, sentences, words, selectable }) {
    const focused = this.cells?.flat().includes(this.find("body").getRootNode().activeElement);
    this.find("caption").textContent = words.caption;
    this.find("across").textContent = words.across;
    this.find("across").colSpan = labels.length;
    const heads = labels.map((label) => {
      const head = createElement("th", "", { scope: "col" });
      head.append(createElement("span", label));
      return head;
    });
    this.find("head").replaceChildren(createElement("th", words.down, { scope: "col" }), ...heads);
    this.cells = labels.map((acted, i) =>
      labels.map((answer, j) => {
        const cell = createElement("button", texts[i][j], {
          type: "button",
          class: i === j ? "cell right" : "cell",
        });
        if (colours[i][j]) cell.style.background = `light-dark(${colours[i][j]})`;
        cell.dataset.sentence = sentences[i][j];
        cell.setAttribute("aria-label", `${texts[i][j]}. ${sentences[i][j]}`);
        cell.onclick = () => {
          this.setCurrent(i, j);
          this.describe(cell);
          if (selectable) this.select([acted, answer]);
        };
        return cell;
      }),
    );
    this.find("body").replaceChildren(
      ...labels.map((label, i) => {
        const row = createElement("tr", "");
        row.append(createElement("th", label, { scope: "row" }));
        for (const cell of this.cells[i]) {
          row.append(createElement("td", ""));
          row.lastChild.append(cell);
        }
        return row;
      }),
    );
    this.describe(null);
    this.setCurrent(...this.current.map((place) => Math.min(place, labels.length - 1)));
    if (focused) this.cells[this.current[0]][this.current[1]].focus();
  }

  forEachCell(callback) {
    for (const [i, row] of this.cells.entries()) {
      for (const [j, cell] of row.entries()) callback(cell, i, j);
    }
  }

  // Make a cell the one that the Tab key moves to.
  setCurrent(row, column) {
    this.current = [row, column];
    this.forEachCell((cell, i, j) => {
      cell.tabIndex = i === row && j === column ? 0 : -1;
    });
  }

  move(event) {
    if (event.key === "Escape") this.describe(null);
    const last = this.cells.length - 1;
    const [row, column] = this.current;
    const step = STEPS[event.key];
    let place = null;
    if (step)
      place = [row + step[0], column + step[1]].map((to) => Math.min(Math.max(to, 0), last));
    else if (event.key === "Home") place = [row, 0];
    else if (event.key === "End") place = [row, last];
    if (!place || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.setCurrent(...place);
    this.cells[place[0]][place[1]].focus();
  }

  // Show the meaning of a cell in a tooltip above it; hide the tooltip for null.
  describe(cell) {
    const tooltip = this.find("tooltip");
    tooltip.hidden = !cell;
    if (!cell) return;
    tooltip.textContent = cell.dataset.sentence;
    const frame = tooltip.parentElement.getBoundingClientRect();
    const box = cell.getBoundingClientRect();
    const middle = box.left - frame.left + box.width / 2 - tooltip.offsetWidth / 2;
    tooltip.style.left = `${Math.max(0, Math.min(middle, frame.width - tooltip.offsetWidth))}px`;
    tooltip.style.top = `${box.top - frame.top - tooltip.offsetHeight - 6}px`;
  }
}
