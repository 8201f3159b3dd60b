// Training in the page: a recipe from the form, a worker that learns, curves and weights as it goes.

import { Engine } from "./engine.js";
import { drawCurve, drawWeights } from "./sketch.js";
import { percent, word } from "./words.js";

const DIGITS = 40000; // to learn from, if no files are given
const SLICE = 150; // milliseconds between two looks

const part = (name) => document.getElementById(name);

/** The recipe that the form asks for, as shuzi writes recipes; null if it cannot be. */
function recipeFromForm() {
  const sizes = part("hidden").value.split(/[\s,]+/).filter(Boolean).map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 1000)) return null;
  const layers = [...sizes.map((size) => `{ linear = ${size} }, "relu"`), "{ linear = 10 }"];
  const number = (name) => Number(part(name).value);
  return `name = "page"
[network]
pixels = "unit"
layers = [${layers.join(", ")}]
initial-weights = "he"
[training]
epochs = ${Math.round(number("epochs"))}
batch-size = ${Math.round(number("batch"))}
learning-rate = ${number("rate").toFixed(6)}
optimizer = { kind = "adam" }
schedule = { kind = "linear", warmup = 0.05 }
`;
}

/** MNIST's four files in the order that the library wants; undefined if none were given, null if others. */
function mnistFiles() {
  const files = [...part("mnist").files];
  const order = [/train.*images/, /train.*labels/, /t10k.*images/, /t10k.*labels/];
  const found = order.map((name) => files.find((file) => name.test(file.name)));
  if (!files.length) return undefined;
  return found.every(Boolean) ? found : null;
}

/** The tab in which a network learns. `take` gets the file of a network to draw on. */
export class TrainTab {
  #engine = null;
  #running = false;
  #begun = false;
  #over = false;
  #losses = [];
  #accuracies = [];
  #status = () => "";

  constructor(take) {
    part("recipe").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    for (const name of ["hidden", "rate", "batch", "epochs", "mnist"]) {
      part(name).addEventListener("input", () => this.#forget());
    }
    part("mnist").addEventListener("input", () => {
      if (!this.#running) this.#setStatus(() => (mnistFiles() === null ? word("bad-mnist") : ""));
    });
    part("stop").addEventListener("click", () => (this.#running = false));
    part("save").addEventListener("click", async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([await this.#engine.call("modelFile")]));
      link.download = "model.safetensors";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    part("draw-on-it").addEventListener("click", async () => take(await this.#engine.call("modelFile")));
  }

  /** Files to learn from. */
  setFiles(files) {
    part("mnist").files = files;
    part("mnist").dispatchEvent(new Event("input"));
  }

  /** The same in the language of now. */
  render() {
    part("learns").textContent = this.#status();
    part("go").textContent = word(this.#begun && !this.#over ? "go-on" : "go");
    this.#drawCurves();
  }

  #setStatus(status) {
    this.#status = status;
    part("learns").textContent = status();
  }

  /** What is said while it learns changes too often to be read out; what is said then is. */
  #end(status) {
    this.#running = false;
    this.#enable();
    this.#setStatus(status);
  }

  /** The form has changed: the next training begins anew. */
  #forget() {
    if (!this.#running) this.#begun = this.#over = false;
    this.render();
  }

  async #start() {
    if (this.#running) return;
    try {
      if (!this.#begun || this.#over) await this.#begin();
      if (this.#begun) await this.#run();
    } catch (error) {
      this.#begun = false;
      this.#end(() => word("failed", { reason: error.message }));
    }
  }

  async #begin() {
    const recipe = recipeFromForm(), chosen = mnistFiles();
    if (!recipe) return this.#setStatus(() => word("bad-hidden"));
    if (chosen === null) return this.#setStatus(() => word("bad-mnist"));
    this.#setStatus(() => (chosen ? "" : word("drawing-digits", { count: DIGITS.toLocaleString() })));
    this.#running = true;
    this.#enable();
    const files = chosen && (await Promise.all(chosen.map((file) => file.arrayBuffer())));
    this.#engine ??= new Engine("full");
    await this.#engine.call("train", { recipe, files, count: DIGITS }, files ?? []);
    [this.#losses, this.#accuracies, this.#over, this.#begun] = [[], [], false, true];
  }

  async #run() {
    this.#running = true;
    this.#enable();
    let share = 0, steps = this.#losses.length;
    while (this.#running && !this.#over) {
      const progress = await this.#engine.call("advance", { milliseconds: SLICE });
      for (const [, loss] of progress.steps) this.#losses.push(loss);
      this.#over = progress.over;
      share = progress.right / progress.all;
      steps = this.#losses.length;
      this.#accuracies.push(share);
      const [epoch, step] = [progress.epoch + 1, steps], now = share;
      this.#setStatus(() => word("learning", { epoch, step, percent: percent(now) }));
      drawWeights(part("learned"), progress.first, progress.side);
      this.#drawCurves();
    }
    const isOver = this.#over;
    this.#end(() => word(isOver ? "learned" : "paused", { step: steps, percent: percent(share) }));
  }

  #enable() {
    const hasNetwork = this.#begun && !this.#running;
    part("learns").setAttribute("aria-live", this.#running ? "off" : "polite");
    part("go").disabled = this.#running;
    part("stop").disabled = !this.#running;
    part("save").disabled = part("draw-on-it").disabled = !hasNetwork;
    part("go").textContent = word(this.#begun && !this.#over ? "go-on" : "go");
  }

  #drawCurves() {
    // At most so many points, each the mean of its steps.
    const points = 300, size = Math.max(1, Math.ceil(this.#losses.length / points));
    const means = [];
    for (let first = 0; first < this.#losses.length; first += size) {
      const few = this.#losses.slice(first, first + size);
      means.push(few.reduce((sum, loss) => sum + loss, 0) / few.length);
    }
    drawCurve(part("loss"), means, 0, 2.5);
    drawCurve(part("accuracy"), this.#accuracies, 0, 1);
    part("loss-now").textContent = means.length ? means.at(-1).toFixed(3) : "";
    part("accuracy-now").textContent = this.#accuracies.length ? percent(this.#accuracies.at(-1)) : "";
  }
}
