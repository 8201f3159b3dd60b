// The pad: strokes by mouse, finger, pen or keyboard, and the picture of them.

const WIDTH = 800; // units across, whatever the screen
const PEN = 24; // units wide at full pressure
const ERASER = 60; // units wide
const SMALL = 0.3; // pixels of the picture that is read, by unit
const MARGIN = 40; // units of paper around the strokes in it

/** Strokes on a canvas. Calls `changed` whenever they are others. */
export class Pad {
  #canvas;
  #changed;
  #strokes = [];
  #stroke = null;
  #cursor = null; // of the keyboard
  #picture = new OffscreenCanvas(1, 1);
  erases = false;

  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#hideCursor());
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get isEmpty() {
    return !this.#strokes.some((stroke) => !stroke.erases);
  }

  get #height() {
    return (WIDTH * this.#canvas.clientHeight) / Math.max(1, this.#canvas.clientWidth);
  }

  undo() {
    this.#strokes.pop();
    this.#renew();
  }

  clear() {
    this.#strokes = [];
    this.#renew();
  }

  /** Width and height of the whole pad, in pixels of the picture. */
  get size() {
    return [WIDTH * SMALL, this.#height * SMALL];
  }

  /** The strokes black on white, and the paper around them: pixels of red, green, blue and alpha, and where on the pad they are. */
  picture() {
    const points = this.#strokes.filter((stroke) => !stroke.erases).flatMap((stroke) => stroke.points);
    const pixels = (units) => Math.round(units * SMALL);
    const range = (values) => [pixels(Math.min(...values) - MARGIN), pixels(Math.max(...values) + MARGIN)];
    const [[left, right], [top, bottom]] = [range(points.map(({ x }) => x)), range(points.map(({ y }) => y))];
    const [width, height] = [right - left, bottom - top];
    Object.assign(this.#picture, { width, height });
    const context = this.#picture.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.translate(-left, -top);
    context.scale(SMALL, SMALL);
    for (const stroke of this.#strokes) paint(context, stroke, stroke.erases ? "white" : "black");
    return { pixels: context.getImageData(0, 0, width, height).data.buffer, width, height, left, top };
  }

  /** Draws everything anew. */
  draw() {
    const canvas = this.#canvas, ratio = devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    const scale = canvas.width / WIDTH;
    context.scale(scale, scale);
    const ink = getComputedStyle(canvas).color;
    for (const stroke of this.#strokes) {
      context.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
      paint(context, stroke, ink);
    }
    context.globalCompositeOperation = "source-over";
    if (this.#cursor) {
      context.beginPath();
      context.arc(this.#cursor.x, this.#cursor.y, PEN / 2 + 4, 0, 2 * Math.PI);
      context.strokeStyle = ink;
      context.lineWidth = this.#stroke ? 6 : 2;
      context.stroke();
    }
  }

  #point(event) {
    const scale = WIDTH / this.#canvas.clientWidth;
    // A mouse has no pressure; a pen that hardly presses still writes.
    const pressure = event.pointerType === "pen" ? 0.5 + event.pressure : 1;
    return { x: event.offsetX * scale, y: event.offsetY * scale, pressure };
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#start(this.#point(event));
  }

  #start(point) {
    this.#stroke = { points: [point], erases: this.erases };
    this.#strokes.push(this.#stroke);
    this.#renew();
  }

  #move(event) {
    if (!this.#stroke || event.pointerType === undefined || !event.buttons) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.#stroke.points.push(this.#point(one));
    this.#renew();
  }

  #end() {
    this.#stroke = null;
  }

  #key(event) {
    const step = event.shiftKey ? 4 : 16;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const height = this.#height;
    if (moves[event.key]) {
      const from = this.#cursor ?? { x: WIDTH / 2, y: height / 2, pressure: 1 };
      const inside = (at, most) => Math.min(Math.max(at, PEN), most - PEN);
      this.#cursor = { x: inside(from.x + moves[event.key][0], WIDTH), y: inside(from.y + moves[event.key][1], height), pressure: 1 };
      this.#stroke?.points.push(this.#cursor);
    } else if (event.key === " ") {
      this.#cursor ??= { x: WIDTH / 2, y: height / 2, pressure: 1 };
      if (this.#stroke) this.#end();
      else this.#start(this.#cursor);
    } else if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      this.#end();
      this.undo();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.#end();
      this.clear();
    } else if (event.key === "e" || event.key === "E") {
      document.getElementById("eraser").click();
    } else {
      return;
    }
    event.preventDefault();
    this.#renew();
  }

  #hideCursor() {
    this.#cursor = null;
    this.#end();
    this.draw();
  }

  #renew() {
    this.draw();
    this.#changed();
  }
}

/** A stroke: a line through its points, as wide as it was pressed. */
function paint(context, { points, erases }, color) {
  const width = erases ? ERASER : PEN;
  context.strokeStyle = context.fillStyle = color;
  context.lineCap = context.lineJoin = "round";
  const [first] = points;
  if (points.length === 1) {
    context.beginPath();
    context.arc(first.x, first.y, (width / 2) * first.pressure, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  for (let index = 1; index < points.length; index++) {
    const from = points[index - 1], to = points[index];
    context.lineWidth = width * ((from.pressure + to.pressure) / 2);
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}
