// Runs in a worker, behind the library's own glue: one function for each question of engine.js.

let model, training;

const calls = {
  start({ wasm }) {
    return wasm_bindgen({ module_or_path: wasm }).then(() => true);
  },
  load({ bytes }) {
    const next = new wasm_bindgen.Model(new Uint8Array(bytes));
    model?.free();
    model = next;
    const weights = model.first_weights();
    return {
      ...JSON.parse(model.describe()), linear: model.linear_weights(),
      first: weights.values(), side: weights.side(),
    };
  },
  read({ pixels, width, height, single }) {
    const begin = performance.now();
    const answer = model.read(new Uint8Array(pixels), width, height, Boolean(single));
    const found = {
      ...JSON.parse(answer.json()), images: answer.images(), pieces: answer.pieces(), ink: answer.ink(),
      inkWidth: answer.ink_width(), milliseconds: performance.now() - begin,
    };
    answer.free();
    return found;
  },
  outputs({ image }) {
    const outputs = model.outputs(image);
    const found = { layers: JSON.parse(outputs.layers()), values: outputs.values() };
    outputs.free();
    return found;
  },
  occlusion({ image, digit }) {
    return model.occlusion(image, digit);
  },
  train({ recipe, files, count }) {
    const next = files
      ? wasm_bindgen.Training.mnist(recipe, ...files.map((file) => new Uint8Array(file)))
      : wasm_bindgen.Training.synthetic(recipe, count, 2000);
    training?.free();
    training = next;
    return true;
  },
  /** Trains for so many milliseconds. */
  advance({ milliseconds }) {
    const begin = performance.now();
    const steps = [];
    let epoch = 0, over = false, count = 20;
    while (!over && performance.now() - begin < milliseconds) {
      const before = performance.now();
      const progress = JSON.parse(training.advance(count));
      const took = performance.now() - before;
      for (const step of progress.steps) steps.push(step);
      ({ epoch, over } = progress);
      if (took < milliseconds / 4) count *= 2;
    }
    const [right, all] = training.test();
    const weights = training.first_weights();
    return { steps, epoch, over, right, all, first: weights.values(), side: weights.side() };
  },
  modelFile() {
    return training.model_file();
  },
};

onmessage = async ({ data: { id, call, values } }) => {
  try {
    postMessage({ id, result: await calls[call](values) });
  } catch (error) {
    // After a trap of WebAssembly the library's memory is in no known state.
    postMessage({ id, error: String(error?.message ?? error), isBroken: error instanceof WebAssembly.RuntimeError });
  }
};
