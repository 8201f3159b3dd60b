// A picture from a file, the clipboard or the camera: its pixels, and each step of how it was read.

import { drawGray, drawTiles } from "./sketch.js";

const MOST = 24e6; // pixels; larger pictures are made smaller first

/** The pixels of a picture file, upright; they are on `canvas` too. */
export async function pixelsOf(file, canvas) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, Math.sqrt(MOST / (bitmap.width * bitmap.height)));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { pixels: context.getImageData(0, 0, canvas.width, canvas.height).data.buffer, width: canvas.width, height: canvas.height };
}

/** Draws the ink, the pieces and what the network saw. */
export function drawSteps(found, picture) {
  const element = (name) => document.getElementById(name);
  if (found.inkWidth) drawGray(element("ink"), found.ink, found.inkWidth);
  const pieces = element("pieces"), context = pieces.getContext("2d");
  Object.assign(pieces, { width: picture.width, height: picture.height });
  context.drawImage(picture, 0, 0);
  context.lineWidth = Math.max(2, picture.width / 400);
  context.strokeStyle = "#2563eb";
  for (let index = 0; index < found.pieces.length; index += 4) context.strokeRect(...found.pieces.subarray(index, index + 4));
  const count = found.images.length / 784;
  element("seen").hidden = count === 0;
  drawTiles(element("seen"), count, 28, Math.min(count, 10) || 1, 2, (tile, x, y) => {
    const light = found.images[tile * 784 + y * 28 + x];
    return [light, light, light];
  });
}
