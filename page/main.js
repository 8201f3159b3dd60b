// Puts the page together: tabs, network, language and theme; what is drawn or dropped goes to the library, what is read comes back.

import { Answer } from "./answer.js";
import { assetBytes } from "./assets.js";
import { Ended, Engine } from "./engine.js";
import { Inside } from "./inside.js";
import { Pad } from "./pad.js";
import { drawSteps, pixelsOf } from "./photo.js";
import { TrainTab } from "./train.js";
import { loadWords, percent, remember, remembered, switchLanguage, word } from "./words.js";

const MODELS = ["photo", "small", "tiny", "classic"]; // the first reads pictures best

const MODEL_FILE = /\.(safetensors|npy|npz)$/;
const MNIST_FILE = /(train|t10k).*(images|labels)/;

const byId = (name) => document.getElementById(name);

async function main() {
  showTheme(remembered("theme"));
  const engine = new Engine("reader");
  const model = assetBytes(`${MODELS[0]}.safetensors`);
  model.catch(() => {});
  await loadWords();

  const page = new Page(engine);
  await page.chooseModel(() => model, MODELS[0]);
  document.documentElement.dataset.ready = "true";
}

/** What is on the page and what it shows. */
class Page {
  #engine;
  #model = null;
  #own = null; // the file of the user's own network, and its name
  #reading = false;
  #again = false;
  #photo = null;
  #pad;
  #answer;
  #photoAnswer;
  #inside;
  #train;

  constructor(engine) {
    this.#engine = engine;
    this.#inside = new Inside({ call: (...question) => this.#engine.call(...question) });
    const look = (chosen, found) => {
      const image = chosen === null ? null : found.images.slice(784 * chosen, 784 * (chosen + 1));
      this.#inside.show(image, found?.digits[chosen]?.digit);
    };
    this.#answer = new Answer("", byId("pad-boxes"), look);
    this.#photoAnswer = new Answer("photo-", byId("picture-boxes"), look);
    this.#pad = new Pad(byId("pad"), () => this.#read());
    this.#train = new TrainTab((bytes) => this.#useNetwork(bytes, () => word("yours"), "draw"));
    this.#wireTabs();
    this.#wireTools();
    this.#wirePhotos();
    this.#wireSettings();
  }

  /** Loads a network from bytes to come; its name is kept for the list, and the user's own stays there. */
  async setModel(bytes, name, own = this.#own) {
    const file = await bytes();
    if (!byId("reading").hidden) this.#engine.end(); // the picture is read again, by the new one
    this.#model = await this.#loadInto(file);
    this.#model.listed = name;
    this.#own = own;
    this.#inside.setModel(this.#model);
    this.#renderModels();
    document.documentElement.dataset.model = name;
    this.#read();
    if (this.#photo) await this.#readPhoto();
  }

  /** The same for who looks at the page: what goes wrong is shown, and another can be chosen. */
  async chooseModel(bytes, name) {
    try {
      await this.setModel(bytes, name);
    } catch (error) {
      showError(word("failed", { reason: error.message })); // the server has gone, say
      this.#renderModels();
    }
  }

  /** A file that the small reader does not know goes to the full library, which takes the reader's place if it knows it. */
  async #loadInto(file) {
    const before = this.#engine;
    try {
      return await before.call("load", { bytes: file });
    } catch (error) {
      if (!before.isReader || error instanceof Ended) throw error;
    }
    const full = new Engine("full");
    try {
      const model = await full.call("load", { bytes: file });
      this.#engine = full;
      before.end();
      return model;
    } catch (error) {
      full.end();
      throw error;
    }
  }

  #useNetwork(bytes, name, tab) {
    if (tab) this.#showTab(tab);
    return this.setModel(async () => bytes, "own", { bytes, name });
  }

  #renderModels() {
    const options = MODELS.map((name) => new Option(name, name));
    if (this.#own) options.push(new Option(this.#own.name(), "own"));
    options.push(new Option(word("own-model"), "file"));
    byId("model").replaceChildren(...options);
    byId("model").value = this.#model?.listed ?? ""; // none, and each can be chosen
    if (!this.#model) return;
    const { parameters, correct, count } = this.#model;
    const tested = count ? word("tested", { percent: percent(correct / count, 2), count: count.toLocaleString() }) : "";
    byId("facts").textContent = word("facts", { parameters: parameters.toLocaleString() }) + tested;
  }

  /** Reads the pad; while the library is at it, only the newest strokes wait. */
  async #read() {
    byId("invitation").hidden = !this.#pad.isEmpty;
    if (!this.#model || this.#reading) {
      this.#again = true;
      return;
    }
    if (this.#pad.isEmpty) return this.#answer.show(null, 1, 1);
    this.#reading = true;
    const { left, top, ...picture } = this.#pad.picture();
    try {
      const found = await this.#engine.call("read", picture, [picture.pixels]);
      for (const { box } of found.digits) [box[0], box[1]] = [box[0] + left, box[1] + top];
      if (!this.#pad.isEmpty) this.#answer.show(found, ...this.#pad.size);
    } catch (error) {
      if (error instanceof Ended) this.#again = true;
      else showError(word("failed", { reason: error.message }));
    }
    this.#reading = false;
    if (this.#again) {
      this.#again = false;
      this.#read();
    }
  }

  async #readPhoto() {
    const photo = this.#photo, { width, height } = photo;
    byId("reading").hidden = false;
    try {
      const found = await this.#engine.call("read", { pixels: photo.pixels.slice(0), width, height });
      if (photo !== this.#photo) return;
      this.#photoAnswer.show(found, width, height);
      drawSteps(found, byId("picture"));
      byId("steps").hidden = false;
    } catch (error) {
      if (!(error instanceof Ended)) showError(word("failed", { reason: error.message }));
    }
    if (photo === this.#photo) byId("reading").hidden = true;
  }

  /** Takes the picture away; if it is being read, that ends, with the worker that is at it. */
  #dropPhoto() {
    if (!byId("reading").hidden) this.#engine.end();
    this.#photo = null;
    this.#photoAnswer.show(null, 1, 1);
    byId("picture").parentElement.hidden = byId("steps").hidden = byId("reading").hidden = true;
  }

  async #takeFile(file) {
    if (!file) return;
    showError("");
    if (MODEL_FILE.test(file.name)) return this.#takeModelFile(file);
    this.#dropPhoto(); // what stood there was of another picture
    this.#showTab("photo");
    try {
      this.#photo = await pixelsOf(file, byId("picture"));
    } catch {
      return showError(word("bad-picture", { name: file.name || "?" }));
    }
    byId("picture").parentElement.hidden = false;
    await this.#readPhoto();
  }

  async #takeModelFile(file) {
    showError("");
    try {
      await this.#useNetwork(await file.arrayBuffer(), () => file.name);
    } catch (error) {
      showError(word("bad-model", { name: file.name, reason: error.message }));
      this.#renderModels();
    }
  }

  #wireTabs() {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of tabs) {
      tab.addEventListener("click", () => {
        showError("");
        this.#showTab(tab.getAttribute("aria-controls"));
      });
    }
    tabs[0].parentElement.addEventListener("keydown", (event) => {
      const here = tabs.indexOf(document.activeElement);
      const place = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: -1 }[event.key];
      if (place === undefined) return;
      event.preventDefault();
      const next = tabs.at(place % tabs.length);
      next.click();
      next.focus();
    });
  }

  #showTab(name) {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const isThis = tab.getAttribute("aria-controls") === name;
      tab.setAttribute("aria-selected", String(isThis));
      tab.tabIndex = isThis ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !isThis;
    }
    const answer = { draw: this.#answer, photo: this.#photoAnswer }[name];
    if (answer) answer.render();
    else this.#inside.show(null);
    if (name === "train") this.#train.render();
  }

  #wireTools() {
    byId("undo").addEventListener("click", () => this.#pad.undo());
    byId("clear").addEventListener("click", () => this.#pad.clear());
    byId("eraser").addEventListener("click", () => {
      this.#pad.erases = !this.#pad.erases;
      byId("eraser").setAttribute("aria-pressed", String(this.#pad.erases));
    });
  }

  #wirePhotos() {
    for (const [button, input] of [["choose", "file"], ["camera", "shot"]]) {
      byId(button).addEventListener("click", () => byId(input).click());
      byId(input).addEventListener("change", (event) => {
        this.#takeFile(event.target.files[0]);
        event.target.value = "";
      });
    }
    byId("cancel").addEventListener("click", () => this.#dropPhoto());
    const drop = byId("drop");
    addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    addEventListener("dragleave", () => drop.classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const { files } = event.dataTransfer, [first] = files;
      if (!first) return;
      const isOther = first.type.startsWith("image/") || MODEL_FILE.test(first.name);
      if (!MNIST_FILE.test(first.name) && (isOther || byId("train").hidden)) return this.#takeFile(first);
      showError("");
      this.#showTab("train");
      this.#train.setFiles(files);
    });
    addEventListener("paste", (event) => this.#takeFile(event.clipboardData.files[0]));
  }

  #wireSettings() {
    byId("model").addEventListener("change", async (event) => {
      const name = event.target.value;
      showError("");
      if (name === "file") {
        event.target.value = this.#model?.listed ?? "";
        byId("model-file").click();
        return;
      }
      await this.chooseModel(() => (name === "own" ? this.#own.bytes : assetBytes(`${name}.safetensors`)), name);
    });
    byId("model-file").addEventListener("change", (event) => {
      this.#takeModelFile(event.target.files[0]);
      event.target.value = "";
    });
    byId("language").addEventListener("click", () => {
      switchLanguage();
      this.#renderModels();
      this.#showTab(document.querySelector("[aria-selected=true]").getAttribute("aria-controls"));
    });
    byId("theme").addEventListener("click", () => {
      const isDark = getComputedStyle(document.documentElement).colorScheme === "dark";
      remember("theme", isDark ? "light" : "dark");
      showTheme(isDark ? "light" : "dark");
      this.#pad.draw();
      this.#showTab(document.querySelector("[aria-selected=true]").getAttribute("aria-controls"));
    });
  }
}

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function showError(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = !message;
}

main().catch((error) => showError(error.message));
