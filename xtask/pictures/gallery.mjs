/**
 * The pictures of the page's ready episodes, with gallery.json and CREDITS.md beside them.
 *
 * The robots come from a Python wheel, unpacked into any folder:
 *
 *     pip download --no-deps --only-binary :all: --dest WHEEL robohash==2.0
 *     python -m zipfile -e WHEEL/robohash-2.0-py3-none-any.whl WHEEL
 *     cargo xtask pictures gallery www/gallery --wheel WHEEL
 *
 * The result is committed, so that neither a build nor a visitor needs any of this. Numbers in a
 * scene are shares of its box, from the top left; angles are degrees clockwise.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import sharp from 'sharp';

import { MIT } from './credits.mjs';
import { Random } from './random.mjs';

const fetched = createRequire(import.meta.url);
const FLUENT_FOLDER = join(
  dirname(fetched.resolve('@lobehub/fluent-emoji-3d/package.json')),
  'assets',
);

/** Side of a finished picture, in pixels. */
const SIDE = 256;
/** Side of the box that a thing is put together in; it may stand out of the box by half on each side. */
const BOX = 512;

const SOURCES = {
  fluent: {
    title: 'Fluent Emoji 3D',
    author: 'Microsoft',
    licence: 'MIT',
    from: 'npm @lobehub/fluent-emoji-3d 1.1.0',
  },
  noto: {
    title: 'Noto Emoji',
    author: 'Google',
    licence: 'Apache-2.0',
    from: 'npm @iconify-json/noto 1.2.9',
  },
  'noto-v1': {
    title: 'Noto Emoji (first design)',
    author: 'Google',
    licence: 'Apache-2.0',
    from: 'npm @iconify-json/noto-v1 1.2.5',
  },
  twemoji: {
    title: 'Twemoji',
    author: 'Twitter and contributors',
    licence: 'CC-BY-4.0',
    from: 'npm @iconify-json/twemoji 1.2.5',
  },
  emojione: {
    title: 'Emoji One 2',
    author: 'Emoji One and contributors',
    licence: 'CC-BY-4.0',
    from: 'npm @iconify-json/emojione 1.2.3',
  },
  robots: {
    title: 'Robohash, set 1',
    author: 'Zikri Kader',
    licence: 'CC-BY-4.0',
    from: 'PyPI robohash 2.0',
  },
};

const LICENCES = {
  MIT: '#mit-license-fluent-emoji-3d',
  'Apache-2.0': 'https://www.apache.org/licenses/LICENSE-2.0',
  'CC-BY-4.0': 'https://creativecommons.org/licenses/by/4.0/',
};

/** File names of the Fluent pictures: code points. */
const FLUENT = {
  octopus: '1f419',
  owl: '1f989',
  snail: '1f40c',
  doughnut: '1f369',
  hedgehog: '1f994',
  cactus: '1f335',
  banana: '1f34c',
  strawberry: '1f353',
  guitar: '1f3b8',
  trumpet: '1f3ba',
  tractor: '1f69c',
  sailboat: '26f5',
  tulip: '1f337',
  sunflower: '1f33b',
  crab: '1f980',
  turtle: '1f422',
  dolphin: '1f42c',
  pizza: '1f355',
  hamburger: '1f354',
  cookie: '1f36a',
  pineapple: '1f34d',
  'cat-face': '1f431',
  'dog-face': '1f436',
  'green-heart': '1f49a',
  'blue-heart': '1f499',
  'grinning-face': '1f600',
  'smiling-face-with-smiling-eyes': '1f60a',
  'crying-face': '1f622',
  'frowning-face': '2639-fe0f',
  'tropical-fish': '1f420',
  'red-apple': '1f34e',
  'three-oclock': '1f552',
  'nine-oclock': '1f558',
};

const isChocolate = (r, g, b) => r < 190 && g < 130 && r > g + 8 && r > b;

/** What may be done to a part's colours. */
const RECOLOUR = {
  /** Brown parts become green: a hedgehog's back. Legs and faces are lighter, eyes darker. */
  cactus: (r, g, b) =>
    r > 70 && r < 205 && r > g * 1.12 && g < 150 ? [g * 0.72, r * 0.95, b * 0.62] : [r, g, b],
  /** Chocolate becomes another icing. */
  strawberry: (r, g, b) => (isChocolate(r, g, b) ? [r + 120, g + 40, b + 105] : [r, g, b]),
  blueberry: (r, g, b) => (isChocolate(r, g, b) ? [b + 30, g + 85, r + 110] : [r, g, b]),
  pistachio: (r, g, b) => (isChocolate(r, g, b) ? [g + 80, r + 85, b + 30] : [r, g, b]),
};

/** @returns {Promise<Buffer>} a PNG of BOX by BOX, clear where there is nothing */
async function picture(source, name, recolour, mirror) {
  let raster;
  if (source === 'fluent') {
    raster = sharp(join(FLUENT_FOLDER, `${FLUENT[name]}.webp`));
  } else if (source === 'robots') {
    raster = sharp(await robotPart(name));
  } else {
    const set = fetched(`@iconify-json/${source}/icons.json`);
    const {
      body,
      left = 0,
      top = 0,
      width,
      height,
    } = { width: set.width, height: set.height, ...set.icons[name] };
    raster = sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${BOX}" height="${BOX}" viewBox="${left} ${top} ${width ?? 16} ${height ?? 16}">${body}</svg>`,
      ),
    );
  }
  raster = raster.resize(BOX, BOX, { fit: 'contain', background: '#0000' }).ensureAlpha();
  if (mirror) raster = raster.flop();
  if (!recolour) return raster.png().toBuffer();
  const { data, info } = await raster.raw().toBuffer({ resolveWithObject: true });
  for (let at = 0; at < data.length; at += 4) {
    const colour = RECOLOUR[recolour](data[at], data[at + 1], data[at + 2]);
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.min(255, Math.round(colour[channel]));
    }
  }
  return sharp(data, { raw: info }).png().toBuffer();
}

/** Where robohash's wheel is unpacked; the robots' parts are found there. */
let wheel = '';

/** @param {string} name colour/part/number, as green/01Body/7 */
async function robotPart(name) {
  const [colour, part, number] = name.split('/');
  const root = join(wheel, 'robohash/sets/set1', colour);
  const folder = (await readdir(root)).find((entry) => entry.endsWith(`#${part}`));
  const file = (await readdir(join(root, folder))).find(
    (entry) => Number(entry.match(/-(\d+)\.png$/)[1]) === Number(number),
  );
  return join(root, folder, file);
}

/**
 * One part of a thing.
 * @param {string} source of SOURCES
 * @param {string} name
 * @param {{ x?: number, y?: number, width?: number, height?: number, turn?: number, recolour?: string, mirror?: boolean }} [place] centre, size, angle
 */
const part = (source, name, place = {}) => ({
  source,
  name,
  x: 0.5,
  y: 0.5,
  width: 1,
  height: place.width ?? 1,
  turn: 0,
  ...place,
});

/** Parts that stand out of a middle like the spines of a hedgehog. */
const fan = (source, name, { x, y, radius, size, angles }) =>
  angles.map((turn) => {
    const angle = (turn * Math.PI) / 180;
    return part(source, name, {
      x: x + radius * Math.sin(angle),
      y: y - radius * Math.cos(angle),
      width: size,
      turn,
    });
  });

/** Puts the parts together, the first at the back, and cuts the thing out. */
async function assemble(parts) {
  const layers = await Promise.all(
    parts.map(async ({ source, name, x, y, width, height, turn, recolour, mirror }) => {
      const input = await sharp(await picture(source, name, recolour, mirror))
        .resize(Math.round(width * BOX), Math.round(height * BOX), { fit: 'fill' })
        .rotate(turn, { background: '#0000' })
        .png()
        .toBuffer({ resolveWithObject: true });
      return {
        input: input.data,
        left: Math.round((0.5 + x) * BOX - input.info.width / 2),
        top: Math.round((0.5 + y) * BOX - input.info.height / 2),
      };
    }),
  );
  const whole = await sharp({
    create: { width: 2 * BOX, height: 2 * BOX, channels: 4, background: '#0000' },
  })
    .composite(layers)
    .png()
    .toBuffer();
  return sharp(whole).trim({ background: '#0000', threshold: 8 }).png().toBuffer();
}

/** Grounds, by a colour of the sky or wall and one of what is below or on it. */
const GROUNDS = {
  plain: (a) => `<rect width="512" height="512" fill="${a}"/>`,
  fade: (a, b) =>
    `<defs><linearGradient id="f" x2="0.4" y2="1"><stop stop-color="${a}"/><stop offset="1" stop-color="${b}"/></linearGradient></defs><rect width="512" height="512" fill="url(#f)"/>`,
  glow: (a, b) =>
    `<defs><radialGradient id="g"><stop stop-color="${a}"/><stop offset="1" stop-color="${b}"/></radialGradient></defs><rect width="512" height="512" fill="url(#g)"/>`,
  hills: (a, b) =>
    `<rect width="512" height="512" fill="${a}"/><circle cx="420" cy="90" r="46" fill="#fff" opacity=".7"/><ellipse cx="120" cy="500" rx="330" ry="150" fill="${b}" opacity=".75"/><ellipse cx="420" cy="530" rx="330" ry="160" fill="${b}"/>`,
  floor: (a, b) =>
    `<rect width="512" height="512" fill="${a}"/><rect y="372" width="512" height="140" fill="${b}"/><rect y="368" width="512" height="8" fill="#fff" opacity=".6"/>`,
  dots: (a, b) =>
    `<defs><pattern id="d" width="64" height="64" patternUnits="userSpaceOnUse"><circle cx="16" cy="16" r="9" fill="${b}"/><circle cx="48" cy="48" r="9" fill="${b}"/></pattern></defs><rect width="512" height="512" fill="${a}"/><rect width="512" height="512" fill="url(#d)"/>`,
  stripes: (a, b) =>
    `<defs><pattern id="s" width="56" height="56" patternUnits="userSpaceOnUse" patternTransform="rotate(35)"><rect width="28" height="56" fill="${b}"/></pattern></defs><rect width="512" height="512" fill="${a}"/><rect width="512" height="512" fill="url(#s)"/>`,
};

/**
 * A finished picture: a thing with its shadow on a ground.
 * @param {object[]} parts
 * @param {[string, string?, string?]} ground kind and colours
 * @param {{ fill?: number, turn?: number, flip?: boolean, standing?: boolean }} [view] the thing's share of the picture, its angle, mirrored, cut off by the lower edge
 */
async function render(
  parts,
  [kind, ...colours],
  { fill = 0.88, turn = 0, flip = false, standing = false } = {},
) {
  const side = Math.round(fill * BOX);
  let thing = sharp(await assemble(parts));
  if (flip) thing = sharp(await thing.flop().png().toBuffer());
  if (turn)
    thing = sharp(await thing.rotate(turn, { background: '#0000' }).png().toBuffer()).trim({
      background: '#0000',
      threshold: 8,
    });
  const { data, info } = await thing
    .resize(side, side, { fit: 'inside' })
    .png()
    .toBuffer({ resolveWithObject: true });
  const left = Math.round((BOX - info.width) / 2);
  const top = standing ? BOX - info.height : Math.round((BOX - info.height) / 2);
  const shade = await sharp({
    create: { width: info.width + 64, height: info.height + 64, channels: 4, background: '#0000' },
  })
    .composite([
      {
        input: await sharp(data).linear([0, 0, 0, 0.35], [20, 20, 40, 0]).png().toBuffer(),
        left: 32,
        top: 32,
      },
    ])
    .png()
    .toBuffer();
  const shadow = await sharp(shade).blur(9).png().toBuffer();
  const ground = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${BOX}" height="${BOX}">${GROUNDS[kind](...colours)}</svg>`,
  );
  const full = await sharp({
    create: { width: 2 * BOX, height: 2 * BOX, channels: 4, background: '#0000' },
  })
    .composite([
      { input: ground, left: BOX / 2, top: BOX / 2 },
      { input: shadow, left: BOX / 2 + left - 32 + 6, top: BOX / 2 + top - 32 + 14 },
      { input: data, left: BOX / 2 + left, top: BOX / 2 + top },
    ])
    .png()
    .toBuffer();
  return sharp(full)
    .extract({ left: BOX / 2, top: BOX / 2, width: BOX, height: BOX })
    .resize(SIDE, SIDE)
    .removeAlpha()
    .webp({ quality: 86, effort: 6 })
    .toBuffer();
}

// The things.

const animal = (source, name) => [part(source, name)];

/** Where the shell sits on each set's snail, and how large it is. */
const SHELLS = {
  fluent: { x: 0.63, y: 0.53, width: 0.68, height: 0.78 },
  noto: { x: 0.67, y: 0.49, width: 0.7 },
  twemoji: { x: 0.63, y: 0.62, width: 0.72 },
  emojione: { x: 0.7, y: 0.5, width: 0.72 },
};

const doughnutSnail = (source, recolour, turn = 0, doughnut = source) => [
  part(source, 'snail'),
  part(doughnut, 'doughnut', { ...SHELLS[source], turn, recolour }),
];

/** The middle of each set's hedgehog's back, and the directions in which its spines point. */
const BACKS = {
  fluent: { x: 0.62, y: 0.62, radius: 0.34, size: 0.44, angles: [-52, -12, 28, 66] },
  noto: { x: 0.6, y: 0.56, radius: 0.4, size: 0.42, angles: [-42, -8, 26, 60] },
  twemoji: { x: 0.5, y: 0.52, radius: 0.44, size: 0.4, angles: [-80, -40, 0, 40, 80] },
};

const cactihog = (source, cactus = source) => [
  ...fan(cactus, 'cactus', BACKS[source]),
  part(source, 'hedgehog', { recolour: 'cactus' }),
];

/** Head, body and antenna are a tribe's; colour, eyes and mouth its members' own. */
const robot = ({ body, face, accessory }, colour, eyes, mouth) =>
  [
    `01Body/${body}`,
    `02Face/${face}`,
    `Accessory/${accessory}`,
    `Eyes/${eyes}`,
    `Mouth/${mouth}`,
  ].map((name) => part('robots', `${colour}/${name}`));
const GROLT = { body: 10, face: 7, accessory: 1 };
const PINDLE = { body: 2, face: 5, accessory: 2 };

/** Colours of a ground: of the sky or wall, and of what is below or on it. */
const COLOURS = [
  ['#fdf6e3', '#e6d3a3'],
  ['#e8f3d6', '#b9d79a'],
  ['#dcecf8', '#8fbde0'],
  ['#f3e6f7', '#d6b9e4'],
  ['#fde7e4', '#f2b8ae'],
  ['#eceff3', '#b9c4d4'],
  ['#fff3e0', '#f2cf95'],
  ['#e0f2ef', '#94cbbf'],
];

/**
 * An episode of plain things. A concept's examples and its questions are of different drawing sets, and lie on grounds that a seed
 * decides, so that neither a style nor a ground tells the concepts apart.
 * @param {string} id
 * @param {string} title
 * @param {Record<string, (source: string, place: number) => object[]>} concepts by their names, how a set shows them
 * @param {{ turned?: boolean, fill?: number }} [options] whether things may be turned and mirrored, and their share of the picture
 */
function plain(id, title, concepts, { turned = true, fill = 0.86 } = {}) {
  const random = new Random('gallery', id);
  const kinds = () => random.shuffle(Object.keys(GROUNDS)).slice(0, 3);
  const grounds = random.shuffle(
    COLOURS.flatMap((colours) => kinds().map((kind) => [kind, ...colours])),
  );
  const scene = (thing, source, place) => [
    thing(source, place),
    grounds.pop(),
    {
      fill: random.between(fill - 0.06, fill + 0.04),
      turn: turned ? random.integer(-10, 10) : 0,
      flip: turned && random.chance(0.5),
    },
  ];
  const all = Object.entries(concepts);
  const pictures = (thing) =>
    ['fluent', 'twemoji', 'noto'].map((source, place) => scene(thing, source, place));
  const asked = ['emojione', 'noto-v1'].slice(0, all.length > 2 ? 1 : 2);
  const queries = asked.flatMap((source, place) =>
    all.map(([, thing], concept) => [concept, ...scene(thing, source, place)]),
  );
  return {
    id,
    title,
    concepts: all.map(([name, thing]) => ({ name, pictures: pictures(thing) })),
    queries: random.shuffle(queries),
  };
}

/** One thing in every picture. */
const always = (name) => (source) => [part(source, name)];
/** Another thing in each picture, by turns. */
const byTurns =
  (...names) =>
  (source, place) => [part(source, names[place % names.length])];
/** So many of one thing, somewhere: each picture has them in another arrangement. */
const many = (name, count) => (source, place) => {
  const random = new Random('gallery', name, count, source, place);
  const cells = random.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8]).slice(0, count);
  return cells.map((cell) =>
    part(source, name, {
      x: ((cell % 3) + 0.5) / 3 + random.between(-0.03, 0.03),
      y: (Math.floor(cell / 3) + 0.5) / 3 + random.between(-0.03, 0.03),
      width: 0.27,
    }),
  );
};
/** A thing as it is drawn, or as a mirror shows it. */
const mirrored = (name, mirror) => (source) => [part(source, name, { mirror })];

/**
 * From easy to hard. In the last three the things differ by what five vectors of a picture hardly hold: side, number, the place of a
 * hand.
 */
const EPISODES = [
  {
    id: 'animals',
    title: 'Two animals, drawn in many ways',
    concepts: [
      {
        name: 'morlup',
        pictures: [
          [animal('fluent', 'octopus'), ['plain', '#fdf6e3'], { fill: 0.86 }],
          [animal('twemoji', 'octopus'), ['dots', '#e8f3d6', '#d3e6b8'], { fill: 0.8, turn: -8 }],
          [animal('noto', 'octopus'), ['fade', '#bfe3f5', '#7fb6dc'], { fill: 0.92, flip: true }],
        ],
      },
      {
        name: 'quizzet',
        pictures: [
          [animal('fluent', 'owl'), ['fade', '#c5e1ee', '#86b9d6'], { fill: 0.86 }],
          [animal('emojione', 'owl'), ['plain', '#fff3e0'], { fill: 0.84, turn: 7 }],
          [animal('noto', 'owl'), ['hills', '#f3e6f7', '#bcd9a0'], { fill: 0.9 }],
        ],
      },
    ],
    queries: [
      [0, animal('emojione', 'octopus'), ['glow', '#fff7d6', '#f2d58f'], { fill: 0.88 }],
      [1, animal('twemoji', 'owl'), ['stripes', '#e6f0fa', '#d4e4f4'], { fill: 0.86, turn: -6 }],
      [1, animal('noto-v1', 'owl'), ['floor', '#dcecd2', '#c8b08a'], { fill: 0.84 }],
      [0, animal('noto-v1', 'octopus'), ['plain', '#eef1f6'], { fill: 0.9, flip: true }],
    ],
  },
  plain('fruits', 'Two fruits', { fimbo: always('banana'), tarlek: always('strawberry') }),
  plain('music', 'Two instruments', { ondril: always('guitar'), brasco: always('trumpet') }),
  plain('journey', 'By land or by water', {
    rumbul: always('tractor'),
    sivara: always('sailboat'),
  }),
  plain('flowers', 'Two flowers', { yelva: always('tulip'), tunso: always('sunflower') }),
  {
    id: 'robots',
    title: 'Two tribes of robots',
    concepts: [
      {
        name: 'grolt',
        pictures: [
          [robot(GROLT, 'blue', 1, 2), ['plain', '#fdf3df'], { fill: 0.96, standing: true }],
          [
            robot(GROLT, 'red', 4, 6),
            ['fade', '#e5f1e4', '#b3d3b1'],
            { fill: 0.96, standing: true, flip: true },
          ],
          [
            robot(GROLT, 'green', 7, 9),
            ['dots', '#f0eafa', '#e0d4f2'],
            { fill: 0.96, standing: true },
          ],
        ],
      },
      {
        name: 'pindle',
        pictures: [
          [robot(PINDLE, 'orange', 2, 1), ['plain', '#e6f1fb'], { fill: 0.96, standing: true }],
          [
            robot(PINDLE, 'purple', 5, 4),
            ['floor', '#f4ecd8', '#cbb48c'],
            { fill: 0.96, standing: true },
          ],
          [
            robot(PINDLE, 'green', 8, 7),
            ['glow', '#fff4f4', '#f0c4c4'],
            { fill: 0.96, standing: true, flip: true },
          ],
        ],
      },
    ],
    queries: [
      [
        1,
        robot(PINDLE, 'blue', 3, 3),
        ['stripes', '#eef6e6', '#dfecd0'],
        { fill: 0.96, standing: true },
      ],
      [
        0,
        robot(GROLT, 'yellow', 6, 5),
        ['fade', '#dfe9fa', '#a9c1e8'],
        { fill: 0.96, standing: true },
      ],
      [
        0,
        robot(GROLT, 'purple', 9, 1),
        ['hills', '#fbeed3', '#b5d094'],
        { fill: 0.96, standing: true, flip: true },
      ],
      [1, robot(PINDLE, 'red', 6, 8), ['plain', '#eceff3'], { fill: 0.96, standing: true }],
    ],
  },
  plain('sea', 'Three from the sea', {
    zuvik: always('crab'),
    mollen: always('turtle'),
    dafro: always('dolphin'),
  }),
  plain('food', 'Four things to eat', {
    pim: always('pizza'),
    lorba: always('hamburger'),
    gesko: always('cookie'),
    whuff: always('pineapple'),
  }),
  {
    id: 'doughnut-snail',
    title: 'The snail that lives in a doughnut',
    concepts: [
      {
        name: 'snoughnut',
        pictures: [
          [doughnutSnail('noto', 'strawberry'), ['hills', '#d9efff', '#a9d18e'], { fill: 0.88 }],
          [
            doughnutSnail('twemoji', 'pistachio', 8),
            ['plain', '#fff8e6'],
            { fill: 0.9, flip: true },
          ],
          [doughnutSnail('fluent', 'blueberry'), ['fade', '#fde7ef', '#f3b9cd'], { fill: 0.88 }],
        ],
      },
      {
        name: 'pelm',
        pictures: [
          [animal('noto', 'snail'), ['plain', '#eaf4ea'], { fill: 0.9, flip: true }],
          [animal('twemoji', 'snail'), ['floor', '#e9e4f5', '#b9a27f'], { fill: 0.86 }],
          [animal('fluent', 'snail'), ['hills', '#fdf1d3', '#9fca86'], { fill: 0.86, flip: true }],
        ],
      },
    ],
    queries: [
      [
        0,
        doughnutSnail('twemoji', 'strawberry', 12, 'noto'),
        ['glow', '#f2fbff', '#a8d8ea'],
        { fill: 0.9 },
      ],
      [1, animal('emojione', 'snail'), ['dots', '#fdeee0', '#f7dcc0'], { fill: 0.9 }],
      [
        1,
        animal('twemoji', 'snail'),
        ['fade', '#e4f2d5', '#b4d69a'],
        { fill: 0.9, flip: true, turn: -6 },
      ],
      [0, doughnutSnail('emojione'), ['plain', '#e7eefc'], { fill: 0.88, flip: true }],
    ],
  },
  {
    id: 'cactihog',
    title: 'Half hedgehog, half cactus',
    concepts: [
      {
        name: 'cactihog',
        pictures: [
          [cactihog('fluent'), ['plain', '#fbf3e4'], { fill: 0.94 }],
          [cactihog('noto'), ['hills', '#ffe9c9', '#e0c080'], { fill: 0.94, flip: true }],
          [cactihog('twemoji'), ['fade', '#e3eefb', '#b7cfee'], { fill: 0.94 }],
        ],
      },
      {
        name: 'brumble',
        pictures: [
          [
            animal('fluent', 'hedgehog'),
            ['hills', '#fff0d9', '#dcb877'],
            { fill: 0.92, flip: true },
          ],
          [animal('noto', 'hedgehog'), ['plain', '#eef4ea'], { fill: 0.92 }],
          [animal('twemoji', 'hedgehog'), ['dots', '#f6ebf4', '#ead6e7'], { fill: 0.88 }],
        ],
      },
    ],
    queries: [
      [0, cactihog('noto', 'twemoji'), ['floor', '#dfeef5', '#c9ad80'], { fill: 0.94, turn: -6 }],
      [
        1,
        animal('noto', 'hedgehog'),
        ['fade', '#d6ecc7', '#9cc687'],
        { fill: 0.86, flip: true, turn: 8 },
      ],
      [0, cactihog('fluent', 'noto'), ['glow', '#fdf3ff', '#d9c3ea'], { fill: 0.94, flip: true }],
      [1, animal('fluent', 'hedgehog'), ['stripes', '#e9f4ff', '#d6e9fb'], { fill: 0.9 }],
    ],
  },
  plain('false-friends', 'Names that lie', { dog: always('cat-face'), cat: always('dog-face') }),
  plain('hearts', 'One shape, two colours', {
    rudo: always('green-heart'),
    vesh: always('blue-heart'),
  }),
  plain('moods', 'Two moods', {
    tibbo: byTurns('grinning-face', 'smiling-face-with-smiling-eyes'),
    vosk: byTurns('crying-face', 'frowning-face'),
  }),
  plain(
    'mirror',
    'Looking left, looking right',
    { lenk: mirrored('tropical-fish', false), rask: mirrored('tropical-fish', true) },
    { turned: false },
  ),
  plain(
    'counting',
    'Three or four',
    { tamp: many('red-apple', 3), fenn: many('red-apple', 4) },
    { turned: false },
  ),
  plain(
    'clocks',
    'Two times of day',
    { ulk: always('three-oclock'), orm: always('nine-oclock') },
    { turned: false },
  ),
];

/** What the licences ask to be said. */
const credits = (rows) => `# Pictures of the ready examples

Made by \`cargo xtask pictures gallery\` from the works below: cut out, mirrored, turned, recoloured, put together and laid
on a ground. Each picture stays under the licences of the works in it.

| work | author | licence | taken from |
| --- | --- | --- | --- |
${Object.values(SOURCES)
  .map(
    ({ title, author, licence, from }) =>
      `| ${title} | ${author} | [${licence}](${LICENCES[licence]}) | ${from} |`,
  )
  .join('\n')}

| picture | works in it |
| --- | --- |
${rows.join('\n')}

## MIT License (Fluent Emoji 3D)

${MIT}`;

/**
 * @param {string} out the folder
 * @param {{ wheel?: string }} options where robohash's wheel is unpacked
 */
export async function write(out, options) {
  if (!options.wheel) throw new Error('give --wheel DIR, where the wheel of robohash is unpacked');
  wheel = options.wheel;
  const entries = [];
  const rows = [];
  for (const { id, title, concepts, queries } of EPISODES) {
    await rm(join(out, id), { recursive: true, force: true });
    await mkdir(join(out, id));
    const used = new Set();
    const write = async (file, parts, ground, view) => {
      await writeFile(join(out, file), await render(parts, ground, view));
      const sources = [...new Set(parts.map(({ source }) => source))];
      rows.push(`| ${file} | ${sources.map((source) => SOURCES[source].title).join(', ')} |`);
      for (const source of sources) used.add(source);
      return file;
    };
    const entry = { id, title, concepts: [], queries: [] };
    for (const { name, pictures } of concepts) {
      const files = [];
      for (const [index, scene] of pictures.entries()) {
        files.push(await write(`${id}/${name}-${index + 1}.webp`, ...scene));
      }
      entry.concepts.push({ name, pictures: files });
    }
    for (const [index, [answer, ...scene]] of queries.entries()) {
      entry.queries.push({ file: await write(`${id}/query-${index + 1}.webp`, ...scene), answer });
    }
    entry.credits = [...used].map((source) => {
      const { title: work, author, licence } = SOURCES[source];
      return `${work} by ${author}, ${licence}, adapted`;
    });
    entries.push(entry);
  }
  await writeFile(join(out, 'gallery.json'), `${JSON.stringify(entries, null, 1)}\n`);
  await writeFile(join(out, 'CREDITS.md'), credits(rows));
  return { episodes: entries.length, pictures: rows.length };
}
