/** Pictures in memory: rows of red, green, blue and alpha bytes. */
import sharp from 'sharp';

// One thread a picture: the callers work on several pictures at once.
sharp.concurrency(1);
sharp.cache(false);

/** @typedef {{ data: Buffer, width: number, height: number }} Raster */

export const CLEAR = { r: 0, g: 0, b: 0, alpha: 0 };

/** @param {Raster} raster */
export const open = ({ data, width, height }) =>
  sharp(data, { raw: { width, height, channels: 4 } });

/** @param {import('sharp').Sharp} image @returns {Promise<Raster>} */
export async function raw(image) {
  const { data, info } = await image.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** @returns {Promise<Raster>} */
export const svg = (width, height, body, viewBox = `0 0 ${width} ${height}`) =>
  raw(
    sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="${viewBox}">${body}</svg>`,
      ),
    ),
  );

/** @returns {Raster} */
export const blank = (width, height = width) => ({
  data: Buffer.alloc(width * height * 4),
  width,
  height,
});

/**
 * Lays rasters over a ground, each by its middle. What stands out of the ground is cut off.
 * @param {Raster} ground
 * @param {{ raster: Raster, x: number, y: number }[]} layers the first at the back
 * @returns {Promise<Raster>}
 */
export async function lay(ground, layers) {
  const pieces = [];
  for (const { raster, x, y } of layers) {
    const left = Math.round(x - raster.width / 2);
    const top = Math.round(y - raster.height / 2);
    const cut = {
      left: Math.max(0, -left),
      top: Math.max(0, -top),
      right: Math.min(raster.width, ground.width - left),
      bottom: Math.min(raster.height, ground.height - top),
    };
    const size = { width: cut.right - cut.left, height: cut.bottom - cut.top };
    if (size.width <= 0 || size.height <= 0) continue;
    const whole = size.width === raster.width && size.height === raster.height;
    const piece = whole
      ? raster
      : await raw(open(raster).extract({ left: cut.left, top: cut.top, ...size }));
    pieces.push({
      input: piece.data,
      raw: { ...size, channels: 4 },
      left: Math.max(0, left),
      top: Math.max(0, top),
    });
  }
  return pieces.length ? raw(open(ground).composite(pieces)) : ground;
}

/** @returns {{ left: number, top: number, width: number, height: number }} of what is not clear */
export function bounds({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3] < 24) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return { left: 0, top: 0, width, height };
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** @param {Raster} raster @returns {Promise<Raster>} without its clear margin */
export const trim = (raster) => raw(open(raster).extract(bounds(raster)));

/** @param {Raster} raster @returns {Promise<Raster>} as large as fits into the box */
export const fit = (raster, width, height = width) =>
  raw(open(raster).resize(Math.round(width), Math.round(height), { fit: 'inside' }));

/** @param {Raster} raster @returns {Promise<Raster>} */
export const turn = (raster, degrees) => raw(open(raster).rotate(degrees, { background: CLEAR }));

/** @param {Raster} raster @returns {Promise<Raster>} */
export const mirror = (raster) => raw(open(raster).flop());

/** @param {Raster} raster @param {(r: number, g: number, b: number, x: number, y: number) => number[]} change @returns {Raster} */
export function recolour({ data: from, width, height }, change) {
  const data = Buffer.from(from);
  for (let at = 0; at < data.length; at += 4) {
    if (!data[at + 3]) continue;
    const pixel = at / 4;
    const colour = change(
      data[at],
      data[at + 1],
      data[at + 2],
      pixel % width,
      Math.floor(pixel / width),
    );
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.max(0, Math.min(255, Math.round(colour[channel])));
    }
  }
  return { data, width, height };
}

/** @param {Raster} raster @returns {Promise<Buffer>} a finished picture */
export const webp = (raster) =>
  open(raster).removeAlpha().webp({ quality: 86, effort: 4 }).toBuffer();
