// Inside the network: what it sees, what each layer makes of it, and which pixels count.

import { Ended } from "./engine.js";
import { NetworkDrawing } from "./network.js";
import { drawGray, drawSigned, drawTiles, drawWeights, largest } from "./sketch.js";
import { word } from "./words.js";

const PAUSE = 120; // milliseconds after the last stroke

/** The part of the page that shows one image on its way. */
export class Inside {
  #engine;
  #drawing = new NetworkDrawing(document.getElementById("network"), document.getElementById("neuron"));
  #image = null;
  #model = null;
  #busy = false;
  #waiting = false;
  #timer = 0;

  constructor(engine) {
    this.#engine = engine;
    const select = document.getElementById("for-digit");
    select.replaceChildren(...Array.from({ length: 10 }, (_, digit) => new Option(digit, digit)));
    select.addEventListener("change", () => this.#renew());
  }

  /** Another network. */
  setModel(model) {
    this.#model = model;
    document.getElementById("drawing").hidden = !model.linear.length;
    drawWeights(document.getElementById("weights"), model.first, model.side);
    this.#renew();
  }

  /** An image to look at, and the digit that it was read as; null for none. */
  show(image, digit) {
    document.getElementById("inside").hidden = !image;
    const isOther = String(image) !== String(this.#image);
    this.#image = image;
    if (!image || !isOther) return;
    document.getElementById("for-digit").value = digit;
    // Who is drawing waits for the answer, not for this.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew(), PAUSE);
  }

  /** Asks the library again; while it answers, only the newest question waits. */
  async #renew() {
    if (!this.#image || !this.#model) return;
    if (this.#busy) {
      this.#waiting = true;
      return;
    }
    this.#busy = true;
    const image = this.#image, digit = Number(document.getElementById("for-digit").value);
    try {
      drawGray(document.getElementById("input"), image, 28, 8);
      const outputs = await this.#engine.call("outputs", { image });
      this.#drawLayers(outputs);
      if (this.#model.linear.length) this.#drawing.show(image, outputs, this.#model.linear);
      const occlusion = await this.#engine.call("occlusion", { image, digit });
      drawSigned(document.getElementById("occlusion"), occlusion, 28, 8, Math.max(0.5, largest(occlusion)));
    } catch (error) {
      if (!(error instanceof Ended)) throw error; // what is looked at will be read again
    } finally {
      this.#busy = false;
    }
    if (this.#waiting) {
      this.#waiting = false;
      this.#renew();
    }
  }

  #drawLayers({ layers, values }) {
    const list = document.getElementById("layers");
    const figures = layers.map(({ kind, shape: [height, width, channels], first, last }, index) => {
      const figure = list.children[index] ?? document.createElement("figure");
      if (!figure.children.length) {
        const canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        figure.append(document.createElement("figcaption"), canvas);
      }
      const [caption, canvas] = figure.children;
      caption.textContent = `${word(kind)} ${height > 1 ? `${height} × ${width} × ` : ""}${channels}`;
      canvas.setAttribute("aria-label", caption.textContent);
      const numbers = values.subarray(first, last), most = largest(numbers);
      const light = (number) => {
        const share = number / most;
        return share >= 0 ? [20 + 235 * share, 20 + 215 * share, 30 + 150 * share] : [20 - 10 * share, 20 - 80 * share, 30 - 200 * share];
      };
      if (height > 1) {
        drawTiles(canvas, channels, height, Math.min(channels, 24), 2, (tile, x, y) => light(numbers[(y * width + x) * channels + tile]));
      } else {
        drawTiles(canvas, channels, 1, Math.min(channels, 64), 9, (tile) => light(numbers[tile]));
      }
      return figure;
    });
    list.replaceChildren(...figures);
  }
}
