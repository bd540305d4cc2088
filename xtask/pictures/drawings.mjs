/** Drawings of emoji as rasters. */
import sharp from 'sharp';
import { join } from 'node:path';

import { raw, svg } from './raster.mjs';
import { folderOf, json } from './works.mjs';

/** Streamline draws a shadow on the floor, which would turn and tilt with the thing. */
const FLOOR_SHADOW = /<path fill="#45413c" d="[^"]*" opacity="\.15"\/>/g;

/**
 * @param {import('./catalogue.mjs').Drawing} drawing
 * @param {number} side of the square that the set draws it in
 * @returns {Promise<import('./raster.mjs').Raster>}
 */
export async function draw({ work, id }, side) {
  if (id.endsWith('.webp')) {
    const image = sharp(join(folderOf(work), id));
    return raw(image.resize(side, side, { fit: 'contain', background: '#0000' }));
  }
  const set = json(work, 'icons.json');
  const { body, left = 0, top = 0, ...icon } = set.icons[id];
  const width = icon.width ?? set.width ?? 16;
  const height = icon.height ?? set.height ?? 16;
  return svg(side, side, body.replace(FLOOR_SHADOW, ''), `${left} ${top} ${width} ${height}`);
}
