/**
 * Pictures by the browser's own decoder, for the formats that only it knows (AVIF; HEIC in Safari). Runs in the worker.
 */

/**
 * @param {string} name
 * @param {Blob} file
 * @param {(name: string, width: number, height: number) => number[]} drawnSize of the program, which throws where it is too large
 * @returns {Promise<{ width: number, height: number, rgba: Uint8Array } | null>} null where the browser cannot read it either
 */
export async function rasterOf(name, file, drawnSize) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  try {
    const [width, height] = drawnSize(name, bitmap.width, bitmap.height);
    const context = new OffscreenCanvas(width, height).getContext('2d');
    if (!context) return null;
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, rgba: new Uint8Array(data.buffer) };
  } finally {
    bitmap.close();
  }
}
