/** Plants and made things joined with others; recipes.mjs says what the entries mean. */

/** Things that fall from a cloud, in rows. */
async function rain(thing, part, { bottom }) {
  const chosen = thing.choose(part);
  const count = thing.random.integer(3, 5);
  for (let n = 0; n < count; n++) {
    await thing.emoji(chosen, {
      x: 0.5 + ((n + 0.5) / count - 0.5) * 0.8,
      y: bottom + (n % 2 ? 0.24 : 0.08) + thing.random.between(-0.03, 0.03),
      width: 0.22,
      height: 0.24,
      from: 'top',
    });
  }
  await thing.base();
}

/** @type {import('./recipes.mjs').Recipe[]} */
export const THINGS = [
  {
    group: 'mushroom',
    invented: 'mushome',
    real: 'mushroom',
    base: 'mushroom',
    parts: [],
    at: {
      fluent: { x: 0.5, foot: 0.86, door: 0.24, cap: 0.46, windows: [0.3, 0.7], top: 0.2 },
      noto: { x: 0.53, foot: 0.92, door: 0.28, cap: 0.42, windows: [0.28, 0.72], top: 0.14 },
      fxemoji: { x: 0.49, foot: 0.96, door: 0.3, cap: 0.4, windows: [0.26, 0.74], top: 0.12 },
      twemoji: { x: 0.49, foot: 0.97, door: 0.34, cap: 0.38, windows: [0.24, 0.76], top: 0.1 },
      emojione: { x: 0.48, foot: 0.97, door: 0.32, cap: 0.36, windows: [0.2, 0.76], top: 0.1 },
      streamline: { x: 0.48, foot: 0.9, door: 0.26, cap: 0.4, windows: [0.26, 0.7], top: 0.16 },
    },
    invent: async (thing, { x, foot, door, cap, windows, top }) => {
      const side = thing.random.pick([-1, 1]);
      await thing.shape('chimney', {
        x: x + side * 0.2,
        y: top + 0.1,
        height: 0.28,
        from: 'bottom',
      });
      await thing.base();
      await thing.shape('door', { x, y: foot, height: door, from: 'bottom' });
      const places = windows.map((at) => ({ x: at, y: cap, width: 0.16 }));
      await thing.shapes('window', places);
    },
  },
  {
    group: 'ice cream',
    invented: 'planetto',
    real: 'ice cream',
    base: 'soft-ice-cream',
    parts: ['globe'],
    at: {
      fluent: { x: 0.52, cut: 0.68, width: 0.62 },
      noto: { x: 0.51, cut: 0.57, width: 0.6 },
      'noto-v1': { x: 0.5, cut: 0.57, width: 0.58 },
      fxemoji: { x: 0.5, cut: 0.56, width: 0.6 },
      twemoji: { x: 0.5, cut: 0.56, width: 0.64 },
      emojione: { x: 0.5, cut: 0.56, width: 0.66 },
      'streamline-1': { x: 0.48, cut: 0.54, width: 0.56 },
    },
    invent: async (thing, { x, cut, width }) => {
      await thing.emoji('globe', { x, y: cut + 0.08, width, from: 'bottom' });
      await thing.base([0, cut, 1, 1]);
    },
  },
  {
    group: 'alarm clock',
    invented: 'fluttock',
    real: 'alarm clock',
    base: 'alarm-clock',
    parts: ['wings'],
    at: {
      fluent: { width: 1.35 },
      noto: { width: 1.5 },
      'noto-v1': { width: 1.55 },
      fxemoji: { width: 1.6 },
      twemoji: { width: 1.65 },
      emojione: { width: 1.5 },
    },
    invent: async (thing, { width }) => {
      await thing.emoji('wings', { x: 0.5, y: 0.5, width, height: 1.1, stretch: true });
      await thing.base();
    },
  },
  {
    group: 'rain cloud',
    invented: 'nimbokey',
    real: 'rain cloud',
    base: 'cloud',
    parts: ['key', 'drop'],
    at: {
      fluent: { bottom: 0.8 },
      noto: { bottom: 0.78 },
      'noto-v1': { bottom: 0.76 },
      fxemoji: { bottom: 0.78 },
      twemoji: { bottom: 0.85 },
      emojione: { bottom: 0.8 },
      'streamline-1': { bottom: 0.7 },
    },
    invent: async (thing, at) => rain(thing, 'key', at),
    draw: async (thing, at) => rain(thing, 'drop', at),
  },
  {
    group: 'cactus',
    invented: 'flactus',
    real: 'cactus',
    base: 'cactus',
    parts: ['flame'],
    at: {
      fluent: {
        tips: [
          [0.5, 0.08],
          [0.16, 0.4],
          [0.88, 0.24],
        ],
      },
      noto: {
        tips: [
          [0.5, 0.08],
          [0.23, 0.34],
          [0.76, 0.3],
        ],
      },
      'noto-v1': {
        tips: [
          [0.5, 0.06],
          [0.08, 0.26],
          [0.93, 0.08],
        ],
      },
      fxemoji: {
        tips: [
          [0.44, 0.08],
          [0.16, 0.32],
          [0.78, 0.56],
        ],
      },
      twemoji: {
        tips: [
          [0.48, 0.06],
          [0.12, 0.3],
          [0.87, 0.24],
        ],
      },
      emojione: {
        tips: [
          [0.47, 0.04],
          [0.13, 0.26],
          [0.81, 0.26],
        ],
      },
      'streamline-1': {
        tips: [
          [0.45, 0.2],
          [0.13, 0.48],
          [0.85, 0.52],
        ],
      },
      'streamline-2': {
        tips: [
          [0.5, 0.24],
          [0.1, 0.42],
          [0.92, 0.42],
        ],
      },
    },
    invent: async (thing, { tips }) => {
      await thing.base();
      const flame = thing.choose('flame');
      for (const [x, y] of tips) {
        await thing.emoji(flame, { x, y, width: 0.26, height: 0.34, from: 'bottom' });
      }
    },
  },
  {
    group: 'umbrella',
    invented: 'melobrella',
    real: 'umbrella',
    base: 'umbrella',
    parts: ['melon'],
    at: {
      fluent: { x: 0.5, y: 0.31, width: 0.92, height: 0.5 },
      noto: { x: 0.48, y: 0.35, width: 0.98, height: 0.5 },
      'noto-v1': { x: 0.5, y: 0.34, width: 1, height: 0.5 },
      twemoji: { x: 0.5, y: 0.31, width: 0.98, height: 0.54 },
      emojione: { x: 0.49, y: 0.33, width: 1, height: 0.5 },
      streamline: { x: 0.46, y: 0.28, width: 0.84, height: 0.48 },
    },
    invent: async (thing, at) => {
      await thing.base();
      await thing.emoji('melon', { ...at, stretch: true });
    },
  },
  {
    group: 'house',
    invented: 'cluckage',
    real: 'house',
    base: 'house',
    parts: [],
    at: {
      fluent: { y: 0.86, xs: [0.34, 0.66] },
      noto: { y: 0.9, xs: [0.3, 0.68] },
      'noto-v1': { y: 0.93, xs: [0.32, 0.7] },
      fxemoji: { y: 0.92, xs: [0.36, 0.64] },
      twemoji: { y: 0.9, xs: [0.32, 0.68] },
      emojione: { y: 0.92, xs: [0.34, 0.68] },
    },
    invent: async (thing, { y, xs }) => {
      const height = thing.random.between(0.36, 0.5);
      await thing.shapes(
        'birdLeg',
        xs.map((x) => ({ x, y, height, from: 'top' })),
      );
      await thing.base();
    },
  },
  {
    group: 'butterfly',
    invented: 'pizzafly',
    real: 'butterfly',
    base: 'butterfly',
    parts: ['pizza'],
    at: { fluent: {}, noto: {}, 'noto-v1': {}, twemoji: {}, emojione: {} },
    invent: async (thing) => {
      const slice = thing.choose('pizza');
      const wings = [
        [122, 0.27, 0.42],
        [-122, 0.27, 0.42],
        [58, 0.33, 0.54],
        [-58, 0.33, 0.54],
      ];
      for (const [direction, distance, size] of wings) {
        const angle = (direction * Math.PI) / 180;
        await thing.emoji(
          { ...slice, turn: direction - slice.outwards },
          {
            x: 0.5 + distance * Math.sin(angle),
            y: 0.52 - distance * Math.cos(angle),
            width: size,
            height: size,
          },
        );
      }
      await thing.shape('insect', { x: 0.5, y: 0.5, height: 0.8 });
    },
  },
];
