/**
 * Pictures by the browser's own decoder, for the formats that only it knows (AVIF; HEIC in Safari). Runs in the worker.
 */

/** The largest raster, in megapixels (10^6): as `RASTER_LIMIT` in src/picture.rs. */
const RASTER_LIMIT = 50;

/** The model sees 224 pixels, so a short side of four times that loses nothing and spares the copy of a large raster. */
const SHORT_SIDE = 896;

/**
 * @param {File} file
 * @returns {Promise<{ width: number, height: number, rgba: Uint8Array } | null>} null where the browser cannot read it either
 */
export async function rasterOf(file) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  try {
    const megapixels = (bitmap.width * bitmap.height) / 1e6;
    if (megapixels > RASTER_LIMIT) {
      const detail = { megapixels, limit: RASTER_LIMIT };
      throw { code: 'picture-too-many-pixels', subject: file.name, detail };
    }
    const scale = Math.min(1, SHORT_SIDE / Math.min(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale));
    const height = Math.max(1, Math.round(bitmap.height * scale));
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
