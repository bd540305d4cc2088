/**
 * Things to train on, put together at random from the emoji to train on, each beside the plain thing
 * that it is made of: pictures like those of the invented concepts, of nothing that those are made of.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Assembly } from './assemble.mjs';
import { catalogue } from './catalogue.mjs';
import { dealer, dealers } from './concepts.mjs';
import { training } from './emoji.mjs';
import { each, json } from './files.mjs';
import { Random } from './random.mjs';
import { webp } from './raster.mjs';
import { scene } from './scene.mjs';
import { PATTERNS } from './shapes.mjs';

/** Pairs of a thing and what is made of it, how many of them are held out, and pictures of each of the two. */
const PAIRS = 150;
const HELD_OUT = 12;
const PICTURES = 20;
/** Fewest drawings that a thing must have. */
const DRAWINGS = 4;

/** @typedef {{ slug: string, name: string, drawings: import('./catalogue.mjs').Drawing[] }} Emoji */

/** What is done to a thing so that it is another, alike in all its pictures. */
function change(random, emoji) {
  const pattern = random.chance(0.15) && random.pick(Object.keys(PATTERNS));
  if (pattern) return { pattern, parts: [], name: pattern };
  const parts = Array.from({ length: random.chance(0.25) ? 2 : 1 }, () => ({
    emoji: random.pick(emoji),
    behind: random.chance(0.3),
    place: {
      x: random.between(0.2, 0.8),
      y: random.between(0.15, 0.8),
      width: random.between(0.4, 0.7),
      height: random.between(0.4, 0.7),
      turn: random.chance(0.5) ? 0 : random.between(-60, 60),
    },
  }));
  return { parts, name: parts.map((part) => part.emoji.name).join(' and ') };
}

/**
 * Classes of another seed than the first bear it in their names, so that one list can hold the names of several seeds.
 *
 * @param {string} out the folder @param {{ seed: string }} options
 */
export async function write(out, { seed }) {
  const all = catalogue();
  const emoji = training().filter(({ drawings }) => drawings.length >= DRAWINGS);
  const folder = join(out, 'scenes');
  const label = (name) => (seed === '1' ? name : `${seed}-${name}`);
  await rm(folder, { recursive: true, force: true });
  const bases = new Random(seed, 'scenes').shuffle(emoji).slice(0, PAIRS);
  const tasks = [];
  const classes = bases.map((base, index) => {
    const changed = change(new Random(seed, 'scenes', index), emoji);
    return [
      { name: `${index}-plain`, called: base.name, base, changed: { parts: [] } },
      { name: `${index}-made`, called: `${base.name} with ${changed.name}`, base, changed },
    ];
  });
  for (const { name, base, changed } of classes.flat()) {
    await mkdir(join(folder, label(name)), { recursive: true });
    const random = new Random(seed, 'scenes', name);
    const drawing = dealer(base.drawings, random);
    const [count, kind, bystander] = dealers(random);
    for (let n = 1; n <= PICTURES; n++) {
      const dealt = { things: count(), kind: kind(), bystander: bystander() };
      const drawings = Array.from({ length: dealt.things }, drawing);
      tasks.push({ file: `${name}/${n}.webp`, changed, drawings, ...dealt });
    }
  }
  await each(tasks, async ({ file, changed, drawings, kind, bystander }) => {
    const random = new Random(seed, 'scenes', file);
    const things = [];
    for (const drawing of drawings) things.push(await thing(all, random, drawing, changed));
    let beside;
    if (bystander) {
      const { drawings } = random.pick(emoji);
      beside = await thing(all, random, random.pick(drawings), { parts: [] });
    }
    await writeFile(join(folder, label(file)), await webp(await scene(things, beside, kind, random)));
  });
  const names = (list) => list.flat().map(({ name }) => label(name));
  await json(join(folder, 'split.json'), {
    scenes: {
      train: names(classes.slice(HELD_OUT)),
      held_out: names(classes.slice(0, HELD_OUT)),
    },
  });
  const lines = classes.flat().map(({ name, called }) => `${label(name)}\t${called}\n`);
  await writeFile(join(folder, 'names.tsv'), lines.join(''));
  return { concepts: 2 * bases.length, pictures: tasks.length };
}

/** One thing, plain or changed. */
async function thing(all, random, drawing, { pattern, parts }) {
  const assembly = new Assembly(all, random, drawing);
  const put = async (behind) => {
    for (const part of parts.filter((part) => part.behind === behind)) {
      await assembly.emoji({ drawing: random.pick(part.emoji.drawings) }, part.place);
    }
  };
  await put(true);
  if (pattern) await assembly.patterned(pattern, 0.75);
  else await assembly.base();
  await put(false);
  return assembly.finish();
}
