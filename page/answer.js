// What was read: the text, a button for each digit, its ten probabilities, and boxes where the digits are.

import { percent, word } from "./words.js";

/** The elements that show one answer, and which of its digits is looked at. */
export class Answer {
  #found = null;
  #chosen = 0;
  #size = [1, 1];

  /** `prefix` is that of the elements' names, `boxes` holds the boxes; `choose` receives which digit is looked at, if any. */
  constructor(prefix, boxes, choose) {
    const element = (name) => document.getElementById(prefix + name);
    this.text = element("answer");
    this.chosen = element("chosen");
    this.bars = element("bars");
    this.time = element("time");
    this.boxes = boxes;
    this.choose = choose;
  }

  /** Shows what was read in a picture of this size; null for an empty pad. */
  show(found, width, height) {
    this.#found = found;
    this.#size = [width, height];
    const digits = found?.digits ?? [];
    this.#chosen = Math.max(0, digits.findLastIndex((digit) => !digit.rejected));
    this.render();
  }

  /** The same again, in the language of now. */
  render() {
    const found = this.#found, digits = found?.digits ?? [];
    const text = found ? found.text || word("none") : "\u00a0";
    this.text.dataset.found = found ? JSON.stringify({ text: found.text, digits }) : ""; // for who compares
    if (this.text.textContent !== text) this.text.textContent = text;
    this.text.classList.toggle("none", Boolean(found) && !found.text);
    this.text.classList.toggle("long", Boolean(found?.text) && found.text.length > 5);
    this.time.textContent = found ? word("took", { ms: found.milliseconds.toFixed(1) }) : "";
    this.chosen.replaceChildren(...(digits.length > 1 ? digits.map((digit, index) => this.#button(digit, index)) : []));
    this.boxes.replaceChildren(...digits.map((digit, index) => this.#box(digit, index)));
    this.#renderBars(digits[this.#chosen]);
    this.choose(digits.length ? this.#chosen : null, found);
  }

  #button(digit, index) {
    const button = document.createElement("button");
    button.textContent = digit.rejected ? "?" : digit.digit;
    button.setAttribute("aria-pressed", String(index === this.#chosen));
    button.addEventListener("click", () => {
      this.#chosen = index;
      this.render();
      this.chosen.children[index].focus();
    });
    return button;
  }

  #box(digit, index) {
    const box = document.createElement("i"), label = document.createElement("b");
    const [width, height] = this.#size, [left, top, wide, high] = digit.box;
    box.style.left = `${(100 * left) / width}%`;
    box.style.top = `${(100 * top) / height}%`;
    box.style.width = `${(100 * wide) / width}%`;
    box.style.height = `${(100 * high) / height}%`;
    box.classList.toggle("rejected", digit.rejected);
    box.classList.toggle("chosen", index === this.#chosen && this.#found.digits.length > 1);
    label.textContent = digit.rejected ? "?" : digit.digit;
    box.append(label);
    return box;
  }

  #renderBars(digit) {
    const words = digit && (digit.rejected ? word("rejected") : word("bars", { digit: digit.digit, percent: percent(digit.confidence) }));
    this.bars.setAttribute("aria-label", words ?? word("none"));
    if (!this.bars.children.length) {
      for (let value = 0; value < 10; value++) {
        const name = document.createElement("span"), track = document.createElement("span"), share = document.createElement("span");
        name.textContent = value;
        track.className = "track";
        track.append(document.createElement("i"));
        share.className = "percent";
        this.bars.append(name, track, share);
      }
    }
    for (let value = 0; value < 10; value++) {
      const [name, track, share] = [0, 1, 2].map((part) => this.bars.children[3 * value + part]);
      const p = digit?.probabilities[value] ?? 0;
      track.firstChild.style.transform = `scaleX(${p})`;
      share.textContent = digit ? percent(p) : "";
      for (const part of [name, share]) part.classList.toggle("most", digit?.digit === value);
    }
  }
}
