/** Puts one to three things on a ground, as seen now so, now so, and partly hidden now and then. */
import { ground } from './grounds.mjs';
import { SIDE, middle, shadow } from './place.mjs';
import { CLEAR, fit, lay, mirror, open, raw, svg, trim, turn } from './raster.mjs';
import { COVERS } from './shapes.mjs';

/** @typedef {import('./raster.mjs').Raster} Raster */
/** @typedef {import('./random.mjs').Random} Random */

/** Middles of two or three things, and the room that each has, in shares of the picture. */
const GROUPS = {
  2: [
    {
      size: 0.52,
      at: [
        [0.27, 0.5],
        [0.73, 0.5],
      ],
    },
    {
      size: 0.52,
      at: [
        [0.28, 0.3],
        [0.72, 0.7],
      ],
    },
    {
      size: 0.52,
      at: [
        [0.72, 0.3],
        [0.28, 0.7],
      ],
    },
    {
      size: 0.5,
      at: [
        [0.5, 0.26],
        [0.5, 0.74],
      ],
    },
  ],
  3: [
    {
      size: 0.47,
      at: [
        [0.25, 0.28],
        [0.75, 0.3],
        [0.5, 0.74],
      ],
    },
    {
      size: 0.47,
      at: [
        [0.5, 0.26],
        [0.25, 0.72],
        [0.75, 0.72],
      ],
    },
  ],
};

/** Other colours for a whole thing: mostly near its own, so that one can still tell what it is. */
async function tint(thing, random) {
  const kind = random.next();
  if (kind < 0.25) return thing;
  if (kind < 0.35) return raw(open(thing).modulate({ saturation: random.between(0, 0.35) }));
  if (kind < 0.6) {
    // What is grey has no hue to turn: a wash of one colour makes it differ as what is coloured does.
    const wash = [0, 1, 2].map(() => random.between(0.45, 1.1));
    return raw(open(thing).linear([...wash, 1], [0, 0, 0, 0]));
  }
  const reach = kind < 0.85 ? 50 : 180;
  return raw(
    open(thing).modulate({
      hue: Math.round(random.between(-reach, reach)),
      saturation: random.between(0.75, 1.25),
      brightness: random.between(0.85, 1.12),
    }),
  );
}

/** Another view of a thing: mirrored, turned, slanted, broader or narrower. */
async function view(thing, random) {
  let seen = random.chance(0.5) ? await mirror(thing) : thing;
  const slant = random.between(-0.12, 0.12);
  const broad = random.between(0.88, 1.12);
  seen = await raw(open(seen).affine([broad, slant, 0, 1], { background: CLEAR }));
  return trim(
    await turn(seen, random.chance(0.8) ? random.between(-14, 14) : random.between(-35, 35)),
  );
}

/**
 * @param {Raster[]} things
 * @param {Raster | undefined} bystander another object that says nothing
 * @param {string} kind of ground
 * @param {Random} random
 * @returns {Promise<Raster>}
 */
export async function scene(things, bystander, kind, random) {
  const single = things.length === 1;
  const { size, at } = single
    ? { size: random.between(0.6, 0.94) }
    : random.pick(GROUPS[things.length]);
  const layers = [];
  const shaded = random.chance(0.5) ? random.between(0.15, 0.4) : 0;
  const put = async (raster, x, y) => {
    if (shaded) layers.push({ raster: await shadow(raster, shaded), x: x + 3, y: y + 6 });
    layers.push({ raster, x, y });
  };
  if (bystander) {
    const small = await fit(await view(bystander, random), random.between(0.2, 0.3) * SIDE);
    const side = random.pick([0.14, 0.86]);
    await put(small, side * SIDE, random.between(0.16, 0.86) * SIDE);
  }
  let seen;
  for (const [index, thing] of things.entries()) {
    const room = (single ? size : size * random.between(0.85, 1)) * SIDE;
    seen = await fit(await view(await tint(thing, random), random), room);
    const x = single ? middle(seen.width, random) : at[index][0] * SIDE;
    const y = single ? middle(seen.height, random) : at[index][1] * SIDE;
    await put(seen, x, y);
    // A cover hides a little of one side of a thing.
    if (index === 0 && random.chance(0.3)) {
      const cover = await svg(seen.width, seen.height, random.pick(COVERS)(random), '0 0 100 100');
      layers.push({ raster: cover, x, y });
    }
  }
  return lay(await ground(SIDE, random, seen, kind), layers);
}
