// Numbers as pictures on a canvas.

/** A grey picture, a byte a pixel, light ink on dark, each pixel `zoom` wide. */
export function drawGray(canvas, bytes, width, zoom = 1) {
  drawPixels(canvas, bytes.length, width, zoom, (index) => [bytes[index], bytes[index], bytes[index]]);
}

/** Numbers as colours: blue below 0, red above, white at 0; `most` is full colour. */
export function drawSigned(canvas, numbers, width, zoom = 1, most = largest(numbers)) {
  drawPixels(canvas, numbers.length, width, zoom, (index) => signedColor(numbers[index] / most));
}

/** The largest of the numbers' sizes; 1 if all are 0. */
export function largest(numbers) {
  return numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0) || 1;
}

function signedColor(share) {
  const [red, green, blue] = share > 0 ? [196, 45, 26] : [20, 92, 190];
  const strength = Math.min(1, Math.abs(share)) ** 0.7;
  return [red, green, blue].map((channel) => 255 + strength * (channel - 255));
}

/** Pictures of `side` x `side` numbers in rows of `across`. */
export function drawTiles(canvas, count, side, across, zoom, color) {
  const rows = Math.ceil(count / across), pitch = side + 1;
  const [width, height] = [across * pitch - 1, rows * pitch - 1];
  drawPixels(canvas, width * height, width, zoom, (index) => {
    const [x, y] = [index % width, Math.floor(index / width)];
    const tile = Math.floor(y / pitch) * across + Math.floor(x / pitch);
    const inside = x % pitch < side && y % pitch < side && tile < count;
    return inside ? color(tile, x % pitch, y % pitch) : null;
  });
}

/** Weights of neurons side by side, as signed colours. */
export function drawWeights(canvas, values, side, width = 660) {
  const count = values.length / side ** 2, most = largest(values);
  const across = Math.min(count, Math.max(1, Math.floor(width / ((side + 1) * (side > 8 ? 2 : 6)))));
  drawTiles(canvas, count, side, across, side > 8 ? 2 : 6, (tile, x, y) => signedColor(values[tile * side ** 2 + y * side + x] / most));
}

function drawPixels(canvas, count, width, zoom, color) {
  const height = Math.round(count / width), small = new OffscreenCanvas(width, height);
  const context = small.getContext("2d"), image = context.createImageData(width, height);
  for (let index = 0; index < count; index++) {
    const rgb = color(index);
    if (rgb) image.data.set([...rgb, 255], 4 * index);
  }
  context.putImageData(image, 0, 0);
  Object.assign(canvas, { width: width * zoom, height: height * zoom });
  const large = canvas.getContext("2d");
  large.imageSmoothingEnabled = false;
  large.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** A curve from the left to the right, between `least` and `most`. */
export function drawCurve(canvas, numbers, least, most) {
  const ratio = devicePixelRatio || 1, style = getComputedStyle(canvas);
  const width = (canvas.width = Math.round(canvas.clientWidth * ratio));
  const height = (canvas.height = Math.round(canvas.clientHeight * ratio));
  const context = canvas.getContext("2d");
  context.strokeStyle = style.getPropertyValue("--line");
  context.fillStyle = style.getPropertyValue("--soft");
  context.font = `${12 * ratio}px system-ui`;
  for (const share of [0, 0.5, 1]) {
    const y = 8 * ratio + (1 - share) * (height - 16 * ratio), value = least + share * (most - least);
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
    context.fillText(Number(value.toPrecision(2)), 4 * ratio, y + (share === 1 ? 14 : -4) * ratio);
  }
  context.strokeStyle = style.getPropertyValue("--main");
  context.lineWidth = 2 * ratio;
  context.beginPath();
  numbers.forEach((number, index) => {
    const x = (index / Math.max(1, numbers.length - 1)) * width;
    const share = (Math.min(Math.max(number, least), most) - least) / (most - least);
    context.lineTo(x, 8 * ratio + (1 - share) * (height - 16 * ratio));
  });
  context.stroke();
}
