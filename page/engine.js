// The library, in workers: questions go out as messages, answers come back as promises.

import { assetBytes, assetText } from "./assets.js";

// A function that only a WebAssembly with SIMD has.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** One worker with one instance of the library. `reader` reads native models; `full` trains, and reads every kind. */
export class Engine {
  #answers = new Map();
  #count = 0;
  #worker;

  constructor(kind) {
    this.ready = this.#start(WebAssembly.validate(new Uint8Array(SIMD)) ? kind : "full-plain");
    this.ready.catch(() => {}); // whoever calls hears of it
  }

  async #start(kind) {
    const [glue, code, wasm] = await Promise.all([assetText(`${kind}.js`), assetText("worker.js"), assetBytes(`${kind}.wasm`)]);
    const url = URL.createObjectURL(new Blob([glue, "\n", code], { type: "text/javascript" }));
    this.#worker = new Worker(url);
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#answers.get(id);
      this.#answers.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    await this.#send("start", { wasm }, [wasm]);
    URL.revokeObjectURL(url);
  }

  #send(call, values, transfer) {
    return new Promise((resolve, reject) => {
      this.#answers.set(++this.#count, { resolve, reject });
      this.#worker.postMessage({ id: this.#count, call, values }, transfer);
    });
  }

  /** Calls a function of worker.js. */
  async call(name, values = {}, transfer = []) {
    await this.ready;
    return this.#send(name, values, transfer);
  }
}
