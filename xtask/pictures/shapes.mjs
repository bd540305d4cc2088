/** Parts that no emoji set draws, in colours and makes that change from picture to picture. */
import { svg } from './raster.mjs';

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {import('./raster.mjs').Raster} Raster */

const hsl = (random, [from, to], [low, high], light) =>
  `hsl(${random.between(from, to)} ${random.between(30, 80)}% ${light ?? random.between(low, high)}%)`;
const any = (random, low = 25, high = 75) => hsl(random, [0, 360], [low, high]);
/** Some sets draw black outlines, some do not. */
const edge = (random, width) =>
  random.chance(0.4) ? `stroke="#2b2b33" stroke-width="${width}" stroke-linejoin="round"` : '';

/** @type {Record<string, (random: Random, side: number) => Promise<Raster>>} */
export const SHAPES = {
  wheel: (random, side) => {
    const spokes = random.integer(4, 9);
    const turn = random.between(0, 90);
    const line = (n) =>
      `<path d="M50 50V14" transform="rotate(${turn + (360 * n) / spokes} 50 50)" stroke="${rim}" stroke-width="6"/>`;
    const rim = random.pick(['#8a5a2b', '#c9ccd3', '#d8b04a', any(random)]);
    const tyre = random.pick(['#23252b', '#3b2a1d', '#4a4f5a', '#5b3a20']);
    return svg(
      side,
      side,
      `<circle cx="50" cy="50" r="41" fill="${random.chance(0.5) ? '#fff8' : '#e7e2d6'}" stroke="${tyre}" stroke-width="13"/>${Array.from({ length: spokes }, (_, n) => line(n)).join('')}<circle cx="50" cy="50" r="${random.between(8, 14)}" fill="${rim}"/>`,
      '0 0 100 100',
    );
  },
  rotor: (random, side) => {
    const blade = random.pick(['#30343d', '#6b7280', '#b5652b', any(random, 25, 50)]);
    const spin = random.between(0, 360);
    const blades = random.integer(2, 4);
    const arms = Array.from({ length: blades }, (_, n) => {
      const angle = ((spin + (360 * n) / blades) * Math.PI) / 180;
      const [x, y] = [50 + 47 * Math.cos(angle), 17 + 12 * Math.sin(angle)];
      return `<path d="M50 17L${x} ${y}" stroke="${blade}" stroke-width="8" stroke-linecap="round"/>`;
    });
    const disc = random.chance(0.5)
      ? `<ellipse cx="50" cy="17" rx="48" ry="13" fill="${blade}" opacity=".25"/>`
      : '';
    return svg(
      side,
      side * 0.6,
      `<path d="M50 17V60" stroke="${blade}" stroke-width="7"/>${disc}${arms.join('')}<circle cx="50" cy="16" r="6" fill="${any(random)}"/>`,
      '0 0 100 60',
    );
  },
  birdLeg: (random, side) => {
    const skin = hsl(random, [18, 52], [40, 62]);
    const knee = random.between(-8, 8);
    return svg(
      side * 0.6,
      side,
      `<path d="M30 0L${30 + knee} 48L30 86M30 84L8 96M30 84L32 98M30 84L54 95" fill="none" stroke="${skin}" stroke-width="${random.between(7, 10)}" stroke-linecap="round" stroke-linejoin="round"/>`,
      '0 0 60 100',
    );
  },
  door: (random, side) => {
    const paint = any(random, 22, 45);
    const round = random.chance(0.7) ? 24 : 4;
    return svg(
      side * 0.6,
      side,
      `<path d="M3 98V${round + 4}Q3 4 30 4T57 ${round + 4}V98Z" fill="${paint}" stroke="#2b1d12" stroke-width="5"/><path d="M30 6V96" stroke="#0004" stroke-width="3"/><circle cx="46" cy="56" r="5" fill="#ffd766"/>`,
      '0 0 60 100',
    );
  },
  window: (random, side) => {
    const glass = random.pick(['#ffe27a', '#9fd8f6', '#fff3c4', '#5f87b8']);
    const body = random.chance(0.5)
      ? `<circle cx="50" cy="50" r="44" fill="${glass}" stroke="#4a3320" stroke-width="9"/>`
      : `<rect x="7" y="7" width="86" height="86" rx="8" fill="${glass}" stroke="#4a3320" stroke-width="9"/>`;
    return svg(
      side,
      side,
      `${body}<path d="M50 8V92M8 50H92" stroke="#4a3320" stroke-width="7"/>`,
      '0 0 100 100',
    );
  },
  chimney: (random, side) =>
    svg(
      side * 0.6,
      side,
      `<rect x="10" y="14" width="40" height="86" fill="${hsl(random, [0, 30], [30, 50])}" stroke="#2b1d12" stroke-width="4"/><rect x="4" y="4" width="52" height="16" rx="3" fill="#6b4a3a" stroke="#2b1d12" stroke-width="4"/>`,
      '0 0 60 100',
    ),
  insect: (random, side) => {
    const dark = hsl(random, [0, 360], [12, 28]);
    return svg(
      side * 0.5,
      side,
      `<path d="M23 26Q20 8 8 4M27 26Q30 8 42 4" fill="none" stroke="${dark}" stroke-width="3" stroke-linecap="round"/><ellipse cx="25" cy="60" rx="9" ry="38" fill="${dark}" ${edge(random, 2)}/><circle cx="25" cy="26" r="10" fill="${dark}"/>`,
      '0 0 50 100',
    );
  },
};

/** Patterns that cover a whole thing, over its own light and shade. */
export const PATTERNS = {
  bricks: (random, side) => {
    const [mortar, one, two] = random.pick([
      ['#d9cdbd', '#b4492f', '#9c3f2a'],
      ['#5a5148', '#c98b5f', '#b97a4e'],
      ['#e9e4da', '#8f8f97', '#7c7c86'],
      ['#efe5d0', '#d6a24c', '#c9923a'],
      ['#3c3a40', '#7d5a4d', '#6d4b40'],
    ]);
    const height = random.between(9, 12);
    const width = height * 2.2;
    const brick = (x, y, paint) =>
      `<rect x="${x}" y="${y}" width="${width - 1.8}" height="${height - 1.8}" rx="0.8" fill="${paint}"/>`;
    return svg(
      side,
      side,
      `<defs><pattern id="p" width="${width}" height="${2 * height}" patternUnits="userSpaceOnUse" patternTransform="rotate(${random.between(-8, 8)})"><rect width="${width}" height="${2 * height}" fill="${mortar}"/>${brick(0, 0, one)}${brick(-width / 2, height, two)}${brick(width / 2, height, two)}</pattern></defs><rect width="100" height="100" fill="url(#p)"/>`,
      '0 0 100 100',
    );
  },
  diamonds: (random, side) => {
    const step = random.between(11, 15);
    const paint = random.pick(['#f2b632', '#e39a2d', '#d9a441', '#c98a2b', '#f0c95a']);
    return svg(
      side,
      side,
      `<defs><pattern id="p" width="${step}" height="${step}" patternUnits="userSpaceOnUse" patternTransform="rotate(45) skewX(-8) skewY(-8)"><rect width="${step}" height="${step}" fill="${paint}"/><path d="M0 0H${step}M0 0V${step}" stroke="#7a4a12" stroke-width="3"/><circle cx="${step / 2}" cy="${step / 2}" r="1.4" fill="#7a4a12"/></pattern></defs><rect width="100" height="100" fill="url(#p)"/>`,
      '0 0 100 100',
    );
  },
};

/** What stands before a thing, in a box of 100 by 100. Each covers so little that no part is hidden. */
export const COVERS = [
  (random) => {
    const blade = (n) => {
      const x = n * 5 + random.between(-2, 2);
      const tip = x + random.between(-6, 6);
      return `<path d="M${x - 3} 104L${tip} ${random.between(80, 92)}L${x + 3} 104Z"/>`;
    };
    return `<g fill="${hsl(random, [60, 160], [25, 55])}">${Array.from({ length: 22 }, (_, n) => blade(n)).join('')}</g>`;
  },
  (random) => {
    const x = random.pick([random.between(0, 20), random.between(72, 92)]);
    return `<rect x="${x}" y="-5" width="${random.between(6, 10)}" height="110" fill="${any(random)}"/>`;
  },
  (random) => {
    const leaf = (n) =>
      `<ellipse cx="${n * 9}" cy="${6 + (n % 2) * 8}" rx="9" ry="4" transform="rotate(${random.between(-50, 50)} ${n * 9} 8)"/>`;
    return `<g transform="rotate(${random.pick([-22, 0, 22, 90, -90])} 50 50)" fill="${hsl(random, [20, 160], [25, 60])}"><path d="M-8 8H70" stroke="#6b4a2b" stroke-width="2"/>${Array.from({ length: 8 }, (_, n) => leaf(n)).join('')}</g>`;
  },
  (random) => {
    const paint = any(random, 30, 80);
    const spot = () =>
      `<circle cx="${random.pick([random.between(-4, 18), random.between(82, 104)])}" cy="${random.between(0, 100)}" r="${random.between(6, 11)}"/>`;
    return `<g fill="${paint}" opacity=".92">${spot()}${spot()}${spot()}</g>`;
  },
  (random) =>
    `<rect x="-5" y="${random.between(20, 70)}" width="110" height="${random.between(5, 9)}" fill="${any(random)}"/>`,
];
