/** Contact sheets: what the pictures of a group's classes look like side by side. */
import sharp from 'sharp';
import { join } from 'node:path';

import { classesOf } from './concepts.mjs';
import { blank, lay, open, raw, svg } from './raster.mjs';
import { RECIPES } from './recipes.mjs';

const CELL = 192;
const LABEL = 26;

/** @param {string} out the folder with the concepts @param {number} first the number of each class's first picture */
export async function write(out, first = 1) {
  for (const recipe of RECIPES) {
    const layers = [];
    for (const [row, { folder, name, sign }] of classesOf(recipe).entries()) {
      const top = row * (2 * CELL + LABEL);
      const title = `<text x="6" y="19" font-family="sans-serif" font-size="17">${sign}: ${name}</text>`;
      const label = await svg(4 * CELL, LABEL, title);
      layers.push({ raster: label, x: 2 * CELL, y: top + LABEL / 2 });
      for (let n = 0; n < 8; n++) {
        const file = join(out, 'concepts', folder, `${first + n}.webp`);
        layers.push({
          raster: await raw(sharp(file).resize(CELL - 4, CELL - 4)),
          x: ((n % 4) + 0.5) * CELL,
          y: top + LABEL + (Math.floor(n / 4) + 0.5) * CELL,
        });
      }
    }
    const sheet = blank(4 * CELL, 2 * (2 * CELL + LABEL));
    sheet.data.fill(255);
    const file = join(out, `contact-${recipe.group.replaceAll(' ', '-')}.png`);
    await open(await lay(sheet, layers))
      .png()
      .toFile(file);
  }
  return { sheets: RECIPES.length };
}
