/**
 * What is joined to the real things, and which drawings of it can be used. An entry may say how a
 * drawing has to be turned (degrees clockwise), then cropped ([left, top, right, bottom], shares of
 * the drawing) or cut to its upper share, and where it points.
 */
const ALL = {
  fluent: {},
  noto: {},
  'noto-v1': {},
  fxemoji: {},
  twemoji: {},
  emojione: {},
  streamline: {},
  'streamline-1': {},
};

/** @type {Record<string, { slugs: string[], at: Record<string, { turn?: number, crop?: number[], top?: number, outwards?: number }> }>} */
export const PARTS = {
  doughnut: { slugs: ['doughnut'], at: ALL },
  // Streamline's castle hangs in a frame.
  castle: { slugs: ['castle'], at: { ...ALL, streamline: undefined } },
  lantern: { slugs: ['jack-o-lantern'], at: ALL },
  cactus: { slugs: ['cactus'], at: ALL },
  sail: {
    slugs: ['sailboat'],
    at: {
      fluent: { crop: [0, 0, 1, 0.6] },
      noto: { crop: [0, 0, 1, 0.78] },
      'noto-v1': { crop: [0, 0, 1, 0.77] },
      twemoji: { crop: [0, 0, 1, 0.62] },
      emojione: { crop: [0, 0, 1, 0.64] },
      streamline: { crop: [0, 0, 1, 0.74] },
    },
  },
  boot: {
    slugs: ['womans-boot'],
    at: { fluent: {}, noto: {}, fxemoji: {}, twemoji: {}, emojione: {}, streamline: {} },
  },
  television: { slugs: ['television'], at: ALL },
  carrot: {
    slugs: ['carrot'],
    at: {
      fluent: { turn: -42 },
      noto: { turn: -45 },
      'noto-v1': { turn: -42 },
      twemoji: { turn: -45 },
      emojione: { turn: -42 },
    },
  },
  leaves: {
    slugs: ['pineapple'],
    at: {
      fluent: { turn: 28, top: 0.36 },
      noto: { top: 0.42 },
      'noto-v1': { top: 0.42 },
      fxemoji: { turn: 48, top: 0.4 },
      twemoji: { turn: 33, top: 0.42 },
      emojione: { turn: 45, top: 0.42 },
    },
  },
  globe: {
    slugs: [
      'globe-showing-americas',
      'globe-showing-europe-africa',
      'globe-showing-asia-australia',
    ],
    at: ALL,
  },
  wings: {
    slugs: ['butterfly'],
    at: { fluent: {}, 'noto-v1': {}, twemoji: {}, emojione: {}, noto: { turn: -20 } },
  },
  key: { slugs: ['key'], at: ALL },
  drop: { slugs: ['droplet'], at: ALL },
  flame: { slugs: ['fire'], at: ALL },
  // The rind upwards.
  melon: {
    slugs: ['watermelon'],
    at: {
      fluent: { turn: 133 },
      noto: { turn: 150 },
      fxemoji: { turn: 135 },
      twemoji: { turn: 157 },
      'streamline-1': { turn: 180, crop: [0, 0, 1, 0.56] },
    },
  },
  // Which way the crust points, degrees clockwise from the top.
  pizza: {
    slugs: ['pizza'],
    at: {
      fluent: { outwards: 330 },
      fxemoji: { outwards: 0 },
      twemoji: { outwards: 0 },
      emojione: { outwards: 45 },
      'streamline-1': { outwards: 0 },
    },
  },
  gift: { slugs: ['wrapped-gift'], at: { ...ALL, 'noto-v1': undefined } },
};
