/** Emoji in many drawing styles: a folder a concept, in it pictures by style. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { catalogue } from './catalogue.mjs';
import { USED_EMOJI } from './concepts.mjs';
import { draw } from './drawings.mjs';
import { concepts } from './families.mjs';
import { each, json } from './files.mjs';
import { SIDE, place } from './place.mjs';
import { Random, share } from './random.mjs';
import { webp } from './raster.mjs';
import { STYLES, credit } from './works.mjs';

/** Fewest styles that a concept must have. */
const FEWEST = 4;
/** Pictures of a concept in a style. */
const PICTURES = 2;
/** Share of the concepts that are held out, besides those that the invented concepts are made of. */
const HELD_OUT = 0.2;
/** Emoji so like those that the invented concepts are made of that they are held out with them. */
const RELATIVES = [
  'beach-with-umbrella',
  'blowfish',
  'bug',
  'closed-umbrella',
  'cloud-with-lightning',
  'cloud-with-lightning-and-rain',
  'cloud-with-rain',
  'cloud-with-snow',
  'derelict-house',
  'globe-with-meridians',
  'house-with-garden',
  'houses',
  'ice-cream',
  'japanese-castle',
  'locked-with-key',
  'old-key',
  'pig-face',
  'pig-nose',
  'rabbit',
  'ram',
  'ship',
  'speedboat',
  'spiral-shell',
  'spouting-whale',
  'squid',
  'sun-behind-cloud',
  'sun-behind-large-cloud',
  'sun-behind-rain-cloud',
  'sun-behind-small-cloud',
  'sweat-droplets',
  'tropical-fish',
  'umbrella-on-ground',
  'umbrella-with-rain-drops',
];
const APART = new Set([...USED_EMOJI, ...RELATIVES]);
/** Both draw nearly every concept, so that one can be asked about by the other; where one does not, the concept is not measured. */
const HELD_OUT_STYLES = ['noto', 'emojione'];

/**
 * @param {string} out the folder
 * @param {{ seed: string, lists: boolean }} options lists: leave the pictures as they are
 */
export async function write(out, { seed, lists }) {
  const kept = concepts([...catalogue().values()], FEWEST, new Set(USED_EMOJI));
  const folder = join(out, 'emoji');
  // What an earlier run drew and this one does not is not to be taken for a concept.
  if (!lists) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeLists(folder, kept);
  if (lists) return { concepts: kept.length, pictures: 0 };
  const tasks = kept.flatMap(({ slug, drawings }) =>
    Object.entries(drawings).flatMap(([style, choices]) =>
      Array.from({ length: PICTURES }, (_, index) => ({
        slug,
        name: `${style}-${index + 1}`,
        drawing: choices[index % choices.length],
      })),
    ),
  );
  for (const { slug } of kept) await mkdir(join(folder, slug));
  await each(tasks, async ({ slug, name, drawing }) => {
    const random = new Random(seed, 'emoji', slug, name);
    const picture = await place(await draw(drawing, 1.25 * SIDE), random);
    await writeFile(join(folder, slug, `${name}.webp`), await webp(picture));
  });
  return { concepts: kept.length, pictures: tasks.length };
}

/** Whether an emoji is never trained on. */
const isHeldOut = ({ slug }) => APART.has(slug) || share(slug) < HELD_OUT;

/** Emoji to train on, each with its drawings in the styles to train on. */
export function training() {
  const kept = concepts([...catalogue().values()], FEWEST, new Set(USED_EMOJI));
  return kept
    .filter((one) => !isHeldOut(one))
    .map((one) => {
      const styles = Object.keys(one.drawings).filter((style) => !HELD_OUT_STYLES.includes(style));
      return { ...one, drawings: styles.flatMap((style) => one.drawings[style]) };
    });
}

async function writeLists(folder, kept) {
  const isAskable = ({ drawings }) => HELD_OUT_STYLES.every((style) => style in drawings);
  const slugs = (list) => list.map(({ slug }) => slug);
  await json(join(folder, 'split.json'), {
    emoji: {
      train: slugs(kept.filter((one) => !isHeldOut(one))),
      held_out: slugs(kept.filter((one) => isHeldOut(one) && isAskable(one))),
    },
  });
  await json(join(folder, 'styles.json'), {
    train: Object.keys(STYLES).filter((style) => !HELD_OUT_STYLES.includes(style)),
    held_out: HELD_OUT_STYLES,
  });
  const credits = Object.entries(STYLES).map(([style, works]) => [style, works.map(credit)]);
  await json(join(folder, 'credits.json'), Object.fromEntries(credits));
  const names = kept.map(({ slug, name }) => `${slug}\t${name}\n`);
  await writeFile(join(folder, 'names.tsv'), names.join(''));
}
