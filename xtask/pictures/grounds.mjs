/** Grounds that say nothing of what lies on them: light and dark, plain, soft, patterned, textured. */
import { open, raw, svg } from './raster.mjs';

/** @typedef {[number, number, number]} Colour */

/** @returns {Colour} */
function colour(hue, saturation, light) {
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    const swing = saturation * Math.min(light, 1 - light);
    return Math.round(255 * (light - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

const css = ([r, g, b]) => `rgb(${r},${g},${b})`;

/** Two colours that go together, and how far one is from the other. */
function palette(random) {
  const hue = random.between(0, 360);
  const dark = random.chance(0.35);
  const light = dark ? random.between(0.1, 0.35) : random.between(0.6, 0.97);
  const saturation = random.chance(0.2) ? 0 : random.between(0.1, 0.75);
  const step = random.between(0.08, 0.25) * (dark ? 1 : -1);
  const other = (hue + random.between(-50, 50) + 360) % 360;
  return [
    colour(hue, saturation, light),
    colour(other, saturation * random.between(0.5, 1), Math.max(0.04, light + step)),
  ];
}

/** A coarse picture of random mixtures, made large: clouds where it is coarse, grain where it is fine. */
function mixture(side, cells, [a, b], random, spread = 1) {
  const data = Buffer.alloc(cells * cells * 4, 255);
  for (let at = 0; at < data.length; at += 4) {
    const share = Math.max(0, Math.min(1, 0.5 + (random.next() - 0.5) * spread));
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = a[channel] * share + b[channel] * (1 - share);
    }
  }
  const cellsOf = open({ data, width: cells, height: cells });
  return raw(cellsOf.resize(side, side, { kernel: cells < side / 2 ? 'cubic' : 'nearest' }));
}

const fill = (paint) => `<rect width="100" height="100" fill="${paint}"/>`;

/** Each kind gives what an SVG of 100 by 100 holds. */
const DRAWN = {
  plain: ([a]) => fill(css(a)),
  fade: ([a, b], random) =>
    `<defs><linearGradient id="f" gradientTransform="rotate(${random.between(0, 90)})"><stop stop-color="${css(a)}"/><stop offset="1" stop-color="${css(b)}"/></linearGradient></defs>${fill('url(#f)')}`,
  glow: ([a, b], random) =>
    `<defs><radialGradient id="g" cx="${random.between(0.2, 0.8)}" cy="${random.between(0.2, 0.8)}" r="0.8"><stop stop-color="${css(a)}"/><stop offset="1" stop-color="${css(b)}"/></radialGradient></defs>${fill('url(#g)')}`,
  stripes: ([a, b], random) => {
    const width = random.between(5, 16);
    return `<defs><pattern id="s" width="${width}" height="${width}" patternUnits="userSpaceOnUse" patternTransform="rotate(${random.between(0, 180)})"><rect width="${width / 2}" height="${width}" fill="${css(b)}"/></pattern></defs>${fill(css(a))}${fill('url(#s)')}`;
  },
  dots: ([a, b], random) => {
    const step = random.between(8, 18);
    return `<defs><pattern id="d" width="${step}" height="${step}" patternUnits="userSpaceOnUse" patternTransform="rotate(${random.between(0, 60)})"><circle cx="${step / 2}" cy="${step / 2}" r="${step * random.between(0.15, 0.35)}" fill="${css(b)}"/></pattern></defs>${fill(css(a))}${fill('url(#d)')}`;
  },
  hills: ([a, b], random) =>
    `${fill(css(a))}<ellipse cx="${random.between(0, 40)}" cy="100" rx="70" ry="${random.between(20, 40)}" fill="${css(b)}" opacity=".75"/><ellipse cx="${random.between(60, 100)}" cy="104" rx="70" ry="${random.between(20, 40)}" fill="${css(b)}"/>`,
  floor: ([a, b], random) => {
    const edge = random.between(55, 85);
    return `${fill(css(a))}<rect y="${edge}" width="100" height="${100 - edge}" fill="${css(b)}"/>`;
  },
};

/** @type {Record<string, (side: number, palette: Colour[], random: import('./random.mjs').Random) => Promise<import('./raster.mjs').Raster>>} */
const KINDS = {
  ...Object.fromEntries(
    Object.entries(DRAWN).map(([kind, draw]) => [
      kind,
      (side, colours, random) => svg(side, side, draw(colours, random), '0 0 100 100'),
    ]),
  ),
  clouds: (side, colours, random) => mixture(side, random.integer(3, 12), colours, random, 1.6),
  grain: (side, colours, random) => mixture(side, side / 2, colours, random, 0.8),
  blobs: async (side, [a, b], random) => {
    const blob = () =>
      `<circle cx="${random.between(0, 100)}" cy="${random.between(0, 100)}" r="${random.between(6, 26)}" fill="${random.chance(0.7) ? css(b) : css(colour(random.between(0, 360), 0.5, random.between(0.2, 0.8)))}" opacity="${random.between(0.4, 0.9)}"/>`;
    const shapes = Array.from({ length: random.integer(3, 9) }, blob).join('');
    const small = await svg(64, 64, fill(css(a)) + shapes, '0 0 100 100');
    return raw(open(small).blur(random.between(1.2, 5)).resize(side, side, { kernel: 'cubic' }));
  },
};

const mean = ({ data }) => {
  const sums = [0, 0, 0, 0];
  for (let at = 0; at < data.length; at += 16) {
    for (let channel = 0; channel < 3; channel++)
      sums[channel] += data[at + channel] * data[at + 3];
    sums[3] += data[at + 3];
  }
  return sums.slice(0, 3).map((sum) => sum / (sums[3] || 1));
};

/** The kinds of ground. */
export const GROUNDS = Object.keys(KINDS);

/**
 * @param {number} side
 * @param {import('./random.mjs').Random} random
 * @param {import('./raster.mjs').Raster} thing what the ground has to stand off from
 * @param {string} kind of GROUNDS
 */
export async function ground(side, random, thing, kind) {
  const shade = mean(thing);
  let colours = palette(random);
  for (let tries = 0; tries < 8; tries++) {
    const far = (a) => Math.hypot(...a.map((value, channel) => value - shade[channel]));
    if (Math.min(...colours.map(far)) > 75) break;
    colours = palette(random);
  }
  return KINDS[kind](side, colours, random);
}
