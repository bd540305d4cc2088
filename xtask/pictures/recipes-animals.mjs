/** Animals joined with things; recipes.mjs says what the entries mean. */

/** Parts that stand out of a middle like the spines of a hedgehog. */
async function fan(thing, part, { x, y, radius, size, angles }) {
  const chosen = thing.choose(part);
  for (const turn of angles) {
    const angle = (turn * Math.PI) / 180;
    const place = { x: x + radius * Math.sin(angle), y: y - radius * Math.cos(angle) };
    await thing.emoji(chosen, { ...place, width: size, height: size, turn });
  }
}

/** @type {import('./recipes.mjs').Recipe[]} */
export const ANIMALS = [
  {
    group: 'snail',
    invented: 'snoughnut',
    real: 'snail',
    base: 'snail',
    parts: ['doughnut'],
    at: {
      fluent: { x: 0.62, y: 0.52, width: 0.68, height: 0.7 },
      noto: { x: 0.66, y: 0.48, width: 0.58, height: 0.62 },
      'noto-v1': { x: 0.7, y: 0.44, width: 0.58, height: 0.76 },
      fxemoji: { x: 0.65, y: 0.55, width: 0.54, height: 0.5 },
      twemoji: { x: 0.62, y: 0.62, width: 0.7, height: 0.64 },
      emojione: { x: 0.71, y: 0.5, width: 0.58, height: 0.64 },
      streamline: { x: 0.37, y: 0.57, width: 0.56, height: 0.54 },
    },
    invent: async (thing, at) => {
      await thing.base();
      await thing.emoji('doughnut', { ...at, stretch: true });
    },
  },
  {
    group: 'turtle',
    invented: 'fortoise',
    real: 'turtle',
    base: 'turtle',
    parts: ['castle'],
    at: {
      fluent: { x: 0.53, y: 0.56, width: 0.5 },
      noto: { x: 0.58, y: 0.34, width: 0.52, turn: 8 },
      'noto-v1': { x: 0.55, y: 0.4, width: 0.52, turn: 4 },
      fxemoji: { x: 0.57, y: 0.45, width: 0.46 },
      twemoji: { x: 0.57, y: 0.6, width: 0.48 },
      emojione: { x: 0.63, y: 0.5, width: 0.44 },
      streamline: { x: 0.6, y: 0.55, width: 0.44 },
    },
    invent: async (thing, at) => {
      await thing.emoji('castle', { ...at, from: 'bottom' });
      await thing.base();
    },
  },
  {
    group: 'octopus',
    invented: 'octokin',
    real: 'octopus',
    base: 'octopus',
    parts: ['lantern'],
    at: {
      fluent: { x: 0.5, y: 0.37, width: 0.74 },
      noto: { x: 0.66, y: 0.36, width: 0.6 },
      'noto-v1': { x: 0.5, y: 0.36, width: 0.58 },
      fxemoji: { x: 0.47, y: 0.29, width: 0.48 },
      twemoji: { x: 0.5, y: 0.35, width: 0.78 },
      emojione: { x: 0.46, y: 0.32, width: 0.5 },
      streamline: { x: 0.48, y: 0.48, width: 0.56 },
    },
    invent: async (thing, at) => {
      await thing.base();
      await thing.emoji('lantern', at);
    },
  },
  {
    group: 'hedgehog',
    invented: 'cactihog',
    real: 'hedgehog',
    base: 'hedgehog',
    parts: ['cactus'],
    at: {
      fluent: { x: 0.62, y: 0.62, radius: 0.34, size: 0.44, angles: [-52, -12, 28, 66] },
      noto: { x: 0.6, y: 0.56, radius: 0.4, size: 0.42, angles: [-42, -8, 26, 60] },
      twemoji: { x: 0.5, y: 0.52, radius: 0.44, size: 0.4, angles: [-80, -40, 0, 40, 80] },
    },
    invent: async (thing, at) => {
      await fan(thing, 'cactus', at);
      await thing.base();
    },
  },
  {
    group: 'whale',
    invented: 'whaloop',
    real: 'whale',
    base: 'whale',
    parts: ['sail'],
    at: {
      fluent: { x: 0.36, y: 0.38, height: 0.6 },
      noto: { x: 0.52, y: 0.57, height: 0.6 },
      'noto-v1': { x: 0.42, y: 0.34, height: 0.55 },
      fxemoji: { x: 0.4, y: 0.52, height: 0.6 },
      twemoji: { x: 0.36, y: 0.46, height: 0.6 },
      emojione: { x: 0.42, y: 0.4, height: 0.6 },
    },
    invent: async (thing, at) => {
      await thing.emoji('sail', { ...at, from: 'bottom' });
      await thing.base();
    },
  },
  {
    group: 'pig',
    invented: 'pigopter',
    real: 'pig',
    base: 'pig',
    parts: [],
    at: {
      fluent: { x: 0.5, y: 0.36 },
      noto: { x: 0.6, y: 0.2 },
      'noto-v1': { x: 0.55, y: 0.24 },
      fxemoji: { x: 0.5, y: 0.32 },
      twemoji: { x: 0.55, y: 0.36 },
      emojione: { x: 0.62, y: 0.22 },
      streamline: { x: 0.52, y: 0.4 },
    },
    invent: async (thing, at) => {
      const width = thing.random.between(0.75, 1);
      await thing.shape('rotor', { ...at, width, from: 'bottom' });
      await thing.base();
    },
  },
  {
    group: 'elephant',
    invented: 'brickphant',
    real: 'elephant',
    base: 'elephant',
    parts: [],
    at: {
      fluent: {},
      noto: {},
      'noto-v1': {},
      fxemoji: {},
      twemoji: {},
      emojione: {},
      streamline: {},
    },
    invent: async (thing) => thing.patterned('bricks', 0.85),
  },
  {
    group: 'sheep',
    invented: 'rollamb',
    real: 'sheep',
    base: 'ewe',
    parts: [],
    at: {
      fluent: { y: 0.84, xs: [0.34, 0.72] },
      noto: { y: 0.86, xs: [0.34, 0.72] },
      'noto-v1': { y: 0.84, xs: [0.32, 0.72] },
      fxemoji: { y: 0.84, xs: [0.32, 0.72] },
      emojione: { y: 0.87, xs: [0.34, 0.64] },
      'streamline-1': { y: 0.92, xs: [0.3, 0.7] },
    },
    invent: async (thing, { y, xs }) => {
      await thing.base([0, 0, 1, y]);
      const width = thing.random.between(0.3, 0.38);
      await thing.shapes(
        'wheel',
        xs.map((x) => ({ x, y, width })),
      );
    },
  },
  {
    group: 'fish',
    invented: 'bootfin',
    real: 'fish',
    base: 'fish',
    parts: ['boot'],
    at: {
      fluent: { y: 0.76, xs: [0.28, 0.54] },
      noto: { y: 0.72, xs: [0.4, 0.64] },
      'noto-v1': { y: 0.64, xs: [0.36, 0.58] },
      fxemoji: { y: 0.76, xs: [0.36, 0.58] },
      twemoji: { y: 0.8, xs: [0.34, 0.58] },
      emojione: { y: 0.76, xs: [0.34, 0.58] },
    },
    invent: async (thing, { y, xs }) => {
      const boot = thing.choose('boot');
      for (const x of xs) await thing.emoji(boot, { x, y, height: 0.46, width: 0.42, from: 'top' });
      await thing.base();
    },
  },
  {
    group: 'penguin',
    invented: 'pentelly',
    real: 'penguin',
    base: 'penguin',
    parts: ['television'],
    at: {
      'fluent-3d': { x: 0.5, y: 0.36 },
      'fluent-flat': { x: 0.5, y: 0.26 },
      noto: { x: 0.42, y: 0.19 },
      'noto-v1': { x: 0.43, y: 0.18 },
      fxemoji: { x: 0.5, y: 0.18 },
      twemoji: { x: 0.5, y: 0.14 },
      emojione: { x: 0.5, y: 0.22 },
    },
    invent: async (thing, at) => {
      await thing.base();
      await thing.emoji('television', { ...at, width: 0.6 });
    },
  },
  {
    group: 'rabbit',
    invented: 'carrabit',
    real: 'rabbit',
    base: 'rabbit-face',
    parts: ['carrot'],
    at: {
      fluent: {
        y: 0.48,
        ears: [
          [0.36, -10],
          [0.64, 10],
        ],
      },
      noto: {
        y: 0.44,
        ears: [
          [0.38, -8],
          [0.62, 8],
        ],
      },
      'noto-v1': {
        y: 0.54,
        ears: [
          [0.38, -12],
          [0.66, 24],
        ],
      },
      fxemoji: {
        y: 0.46,
        ears: [
          [0.3, -14],
          [0.68, 14],
        ],
      },
      twemoji: {
        y: 0.5,
        ears: [
          [0.27, -24],
          [0.73, 24],
        ],
      },
      streamline: {
        y: 0.42,
        ears: [
          [0.37, -10],
          [0.61, 10],
        ],
      },
    },
    invent: async (thing, { y, ears }) => {
      await thing.base([0, y - 0.12, 1, 1]);
      const carrot = thing.choose('carrot');
      for (const [x, turn] of ears) {
        await thing.emoji(carrot, { x, y, height: 0.62, width: 0.3, turn, from: 'bottom' });
      }
    },
  },
  {
    group: 'owl',
    invented: 'pinowl',
    real: 'owl',
    base: 'owl',
    parts: ['leaves'],
    at: {
      fluent: { x: 0.5, y: 0.14 },
      noto: { x: 0.5, y: 0.2 },
      'noto-v1': { x: 0.5, y: 0.16 },
      twemoji: { x: 0.5, y: 0.12 },
      emojione: { x: 0.5, y: 0.14 },
    },
    invent: async (thing, at) => {
      await thing.patterned('diamonds', 0.55);
      await thing.emoji('leaves', { ...at, width: 0.6, height: 0.5, from: 'bottom' });
    },
  },
  {
    group: 'crab',
    invented: 'parcrab',
    real: 'crab',
    base: 'crab',
    parts: ['gift'],
    at: {
      fluent: { x: 0.5, y: 0.62 },
      noto: { x: 0.5, y: 0.68 },
      'noto-v1': { x: 0.5, y: 0.62 },
      twemoji: { x: 0.5, y: 0.64 },
      emojione: { x: 0.52, y: 0.62 },
    },
    invent: async (thing, at) => {
      await thing.base();
      await thing.emoji('gift', { ...at, width: 0.52, height: 0.5 });
    },
  },
];
