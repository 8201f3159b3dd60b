// The library, in workers: questions go out as messages, answers come back as promises.

import { assetBytes, assetText } from "./assets.js";

// A function that only a WebAssembly with SIMD has.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** What a question gets for an answer when the worker that had it was ended. */
export class Ended extends Error {}

/**
 * A worker with an instance of the library. `reader` reads native models; `full` trains, and reads every kind. After its end, by
 * `end` or by a failure, the next call starts another, which has the same network loaded.
 */
export class Engine {
  #kind;
  #answers = new Map();
  #count = 0;
  #worker = null;
  #ready = null; // the start of the worker, while there is one
  #network = null; // what was loaded last

  constructor(kind) {
    this.#kind = WebAssembly.validate(new Uint8Array(SIMD)) ? kind : "full-plain";
    this.#ready = this.#start();
    this.#ready.catch(() => {}); // whoever calls hears of it
  }

  /** Whether another kind reads more. */
  get isReader() {
    return this.#kind === "reader";
  }

  /** Calls a function of worker.js. */
  async call(name, values = {}, transfer = []) {
    this.#ready ??= this.#start();
    await this.#ready;
    const result = await this.#send(name, values, transfer);
    if (name === "load") this.#network = values;
    return result;
  }

  /** Ends the worker, whatever it is at; who waits for an answer gets `reason`. */
  end(reason = new Ended()) {
    this.#worker?.terminate();
    this.#worker = this.#ready = null;
    const waiting = [...this.#answers.values()];
    this.#answers.clear();
    for (const { reject } of waiting) reject(reason);
  }

  #start() {
    const start = this.#startWorker(() => start === this.#ready);
    return start;
  }

  /** `isWanted` says whether nobody has ended this start meanwhile. */
  async #startWorker(isWanted) {
    let url;
    try {
      const kind = this.#kind;
      const files = [assetText(`${kind}.js`), assetText("worker.js"), assetBytes(`${kind}.wasm`)];
      const [glue, code, wasm] = await Promise.all(files);
      if (!isWanted()) throw new Ended();
      url = URL.createObjectURL(new Blob([glue, "\n", code], { type: "text/javascript" }));
      this.#worker = new Worker(url);
      this.#worker.onmessage = ({ data }) => this.#receive(data);
      this.#worker.onerror = (event) => this.end(new Error(event.message));
      await this.#send("start", { wasm }, [wasm]);
      if (this.#network) await this.#send("load", this.#network);
    } catch (error) {
      if (isWanted()) this.end(error);
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  #send(call, values, transfer) {
    return new Promise((resolve, reject) => {
      if (!this.#worker) return reject(new Ended());
      this.#answers.set(++this.#count, { resolve, reject });
      this.#worker.postMessage({ id: this.#count, call, values }, transfer);
    });
  }

  #receive({ id, result, error, isBroken }) {
    const answer = this.#answers.get(id);
    if (!answer) return; // nobody waits any more
    this.#answers.delete(id);
    if (error === undefined) return answer.resolve(result);
    answer.reject(new Error(error));
    if (isBroken) this.end();
  }
}
