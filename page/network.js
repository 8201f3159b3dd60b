// A fully connected network as a drawing: the image, a column of neurons for each layer, and every connection.

import { largest } from "./sketch.js";
import { percent, word } from "./words.js";

const LEFT = 200; // units for the image
const ACROSS = 900;
const DOWN = 460;

/** Draws a network and lets one follow a neuron. */
export class NetworkDrawing {
  #canvas;
  #caption;
  #columns = []; // for each layer the numbers of its neurons, ReLU applied
  #weights = []; // for each layer after the image [inputs, outputs]
  #image = null;
  #looked = null; // [layer, neuron]

  constructor(canvas, caption) {
    this.#canvas = canvas;
    this.#caption = caption;
    canvas.addEventListener("pointermove", (event) => this.#look(this.#near(event)));
    canvas.addEventListener("pointerleave", () => this.#look(null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** The image and what its layers give; `linear` are the weights of all layers, one behind the other. */
  show(image, outputs, linear) {
    this.#image = image;
    const layers = outputs.layers.map(({ kind, first, last }) => ({ kind, values: outputs.values.subarray(first, last) }));
    // A linear layer with a ReLU behind it is one column.
    this.#columns = layers.filter((_, index) => layers[index + 1]?.kind !== "relu").map((layer) => layer.values);
    let place = 0, inputs = 784;
    this.#weights = this.#columns.map((column) => {
      const weights = linear.subarray(place, (place += inputs * column.length));
      inputs = column.length;
      return weights;
    });
    this.draw();
  }

  #place(layer, neuron) {
    const count = this.#columns[layer].length;
    const x = LEFT + 120 + (layer * (ACROSS - LEFT - 230)) / Math.max(1, this.#columns.length - 1);
    return [x, 20 + ((neuron + 0.5) * (DOWN - 40)) / count];
  }

  #near(event) {
    const scale = ACROSS / this.#canvas.clientWidth, [x, y] = [event.offsetX * scale, event.offsetY * scale];
    for (let layer = 0; layer < this.#columns.length; layer++) {
      const count = this.#columns[layer].length;
      if (Math.abs(x - this.#place(layer, 0)[0]) > 30) continue;
      return [layer, Math.min(count - 1, Math.max(0, Math.floor(((y - 20) / (DOWN - 40)) * count)))];
    }
    return null;
  }

  #key(event) {
    const [layer, neuron] = this.#looked ?? [this.#columns.length - 1, -1];
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!moves[event.key] || !this.#columns.length) return;
    event.preventDefault();
    const inside = (at, count) => Math.min(Math.max(at, 0), count - 1);
    const next = inside(layer + moves[event.key][0], this.#columns.length);
    this.#look([next, inside(neuron + moves[event.key][1], this.#columns[next].length)]);
  }

  #look(looked) {
    if (String(looked) === String(this.#looked)) return;
    this.#looked = looked;
    const [layer, neuron] = looked ?? [];
    this.#caption.textContent = looked
      ? word("neuron", { layer: layer + 1, neuron: neuron + (layer + 1 < this.#columns.length), value: this.#columns[layer][neuron].toPrecision(3) })
      : "";
    this.draw();
  }

  draw() {
    const canvas = this.#canvas, ratio = devicePixelRatio || 1;
    if (!this.#columns.length || !canvas.clientWidth) return;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round((canvas.width * DOWN) / ACROSS);
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
    context.scale(canvas.width / ACROSS, canvas.width / ACROSS);
    for (let layer = 0; layer < this.#columns.length; layer++) this.#drawConnections(context, layer);
    this.#drawImage(context);
    for (let layer = 0; layer < this.#columns.length; layer++) {
      const column = this.#columns[layer], most = largest(column), isLast = layer + 1 === this.#columns.length;
      const radius = Math.min(9, (DOWN - 40) / column.length / 2 - 1);
      column.forEach((value, neuron) => {
        const [x, y] = this.#place(layer, neuron);
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.fillStyle = style.getPropertyValue("--card");
        context.fill();
        context.globalAlpha = Math.max(0, value / most);
        context.fillStyle = style.getPropertyValue("--main");
        context.fill();
        context.globalAlpha = 1;
        context.strokeStyle = style.getPropertyValue("--soft");
        context.lineWidth = String(this.#looked) === `${layer},${neuron}` ? 3 : 1;
        context.stroke();
        if (isLast) this.#drawDigit(context, style, neuron, x, y, column);
      });
    }
  }

  #drawDigit(context, style, digit, x, y, logits) {
    const most = Math.max(...logits), sum = logits.reduce((sum, z) => sum + Math.exp(z - most), 0);
    context.font = "600 15px system-ui";
    context.fillStyle = style.getPropertyValue("--ink");
    context.fillText(`${digit}  ${percent(Math.exp(logits[digit] - most) / sum, 0)}`, x + 18, y + 5);
  }

  /** Lines into the neuron that is looked at, or the strongest of all; red speaks for, blue against. */
  #drawConnections(context, layer) {
    if (layer === 0) return;
    const weights = this.#weights[layer], from = this.#columns[layer - 1], to = this.#columns[layer];
    const flow = weights.map((weight, index) => weight * Math.max(0, from[Math.floor(index / to.length)]));
    const most = largest(flow), [at, looked] = this.#looked ?? [];
    flow.forEach((value, index) => {
      const [source, target] = [Math.floor(index / to.length), index % to.length];
      const share = Math.abs(value) / most;
      const isFollowed = at === undefined || (at === layer && looked === target) || (at === layer - 1 && looked === source);
      if (!isFollowed || share < 0.02) return;
      context.beginPath();
      context.moveTo(...this.#place(layer - 1, source));
      context.lineTo(...this.#place(layer, target));
      context.strokeStyle = value > 0 ? "#c42d1a" : "#145cbe";
      context.globalAlpha = Math.min(1, share + (at === undefined ? 0 : 0.15));
      context.lineWidth = 0.5 + 2.5 * share;
      context.stroke();
      context.globalAlpha = 1;
    });
  }

  /** The image; under a neuron of the first layer, its pixels times their weights. */
  #drawImage(context) {
    const cell = (LEFT - 30) / 28, top = (DOWN - 28 * cell) / 2, [at, neuron] = this.#looked ?? [];
    const width = this.#columns[0].length;
    const flow = at === 0 ? Float32Array.from({ length: 784 }, (_, pixel) => this.#weights[0][pixel * width + neuron]) : null;
    const most = flow && largest(flow);
    context.fillStyle = "black";
    context.fillRect(15, top, 28 * cell, 28 * cell);
    for (let pixel = 0; pixel < 784; pixel++) {
      const light = this.#image[pixel], weight = flow ? flow[pixel] / most : 0;
      if (!light && !weight) continue;
      context.fillStyle = `rgb(${light} ${light} ${light})`;
      const place = [15 + (pixel % 28) * cell, top + Math.floor(pixel / 28) * cell, cell + 0.3, cell + 0.3];
      if (light) context.fillRect(...place);
      if (weight) {
        context.fillStyle = weight > 0 ? "#ff5a3c" : "#4c9bff";
        context.globalAlpha = 0.75 * Math.abs(weight);
        context.fillRect(...place);
        context.globalAlpha = 1;
      }
    }
  }
}
