/** Lays one drawing on a ground so that neither the ground nor the outline's place says anything. */
import { GROUNDS, ground } from './grounds.mjs';
import { blank, fit, lay, mirror, open, raw, trim, turn } from './raster.mjs';

/** Side of a finished picture, in pixels. */
export const SIDE = 256;

/** @param {import('./raster.mjs').Raster} thing @returns {Promise<import('./raster.mjs').Raster>} its soft shadow, with room around it */
export async function shadow(thing, strength) {
  const room = 12;
  const dark = await raw(open(thing).linear([0, 0, 0, strength], [16, 16, 32, 0]));
  const space = blank(thing.width + 2 * room, thing.height + 2 * room);
  const laid = await lay(space, [{ raster: dark, x: space.width / 2, y: space.height / 2 }]);
  return raw(open(laid).blur(4));
}

/** @returns {number} a middle from which the thing stands out of the picture by little or nothing */
export const middle = (size, random, side = SIDE) => {
  const slack = Math.max(0, side - size) / 2 + 0.02 * side;
  return side / 2 + random.between(-slack, slack);
};

/**
 * @param {import('./raster.mjs').Raster} drawing
 * @param {import('./random.mjs').Random} random
 * @returns {Promise<import('./raster.mjs').Raster>}
 */
export async function place(drawing, random) {
  let thing = random.chance(0.5) ? await mirror(drawing) : drawing;
  thing = await trim(await turn(thing, random.between(-18, 18)));
  thing = await fit(thing, random.between(0.55, 0.95) * SIDE);
  const x = middle(thing.width, random);
  const y = middle(thing.height, random);
  const layers = [{ raster: thing, x, y }];
  if (random.chance(0.4)) {
    const offset = random.between(-8, 8);
    layers.unshift({
      raster: await shadow(thing, random.between(0.15, 0.4)),
      x: x + offset,
      y: y + 6,
    });
  }
  return lay(await ground(SIDE, random, thing, random.pick(GROUNDS)), layers);
}
