/** Invented concepts, each beside the real one that it is most easily mistaken for. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Assembly, drawingsFor, entryOf } from './assemble.mjs';
import { catalogue } from './catalogue.mjs';
import { credits, licences } from './credits.mjs';
import { each, json } from './files.mjs';
import { GROUNDS } from './grounds.mjs';
import { lists } from './isekai.mjs';
import { PARTS } from './parts.mjs';
import { Random } from './random.mjs';
import { webp } from './raster.mjs';
import { RECIPES } from './recipes.mjs';
import { scene } from './scene.mjs';

/** Pictures of a concept. */
const PICTURES = 32;
/** How many things the pictures show. */
const COUNTS = [1, 1, 1, 1, 1, 2, 2, 3];
/** In which of the pictures another object stands by: made of what the concept is, or of another. */
const BYSTANDERS = [undefined, undefined, undefined, undefined, undefined, undefined, 'own', 'any'];

/** Slugs of every emoji that a concept is made of. */
export const USED_EMOJI = [
  ...new Set(
    RECIPES.flatMap(({ base, parts }) => [base, ...parts.flatMap((part) => PARTS[part].slugs)]),
  ),
].sort();

/** @returns {{ folder: string, name: string, sign: 'pos' | 'neg', recipe: import('./recipes.mjs').Recipe }[]} the two classes of a recipe */
export const classesOf = (recipe) =>
  ['pos', 'neg'].map((sign) => {
    const name = sign === 'pos' ? recipe.invented : recipe.real;
    return { folder: `${recipe.group}/${sign}-${name}`, name, sign, recipe };
  });

/**
 * Dealers of how many things a picture shows, on which ground, and what stands by.
 * @param {Random} random
 */
export const dealers = (random) =>
  [COUNTS, GROUNDS, BYSTANDERS].map((list) => dealer(list, random));

/**
 * Deals out a list again and again, each time in another order, so that one class gets as many of
 * each drawing, ground and so on as any other.
 * @template T @param {T[]} list @param {Random} random @returns {() => T}
 */
export function dealer(list, random) {
  const left = [];
  return () => {
    if (!left.length) left.push(...random.shuffle(list));
    return left.pop();
  };
}

/** @param {string} out the folder @param {{ seed: string }} options */
export async function write(out, { seed }) {
  const emoji = catalogue();
  const folder = join(out, 'concepts');
  await rm(folder, { recursive: true, force: true });
  const tasks = [];
  for (const { folder: name, sign, recipe } of RECIPES.flatMap(classesOf)) {
    await mkdir(join(folder, name), { recursive: true });
    const random = new Random(seed, 'concepts', name);
    const drawing = dealer(drawingsFor(emoji, recipe), random);
    const [count, kind, bystander] = dealers(random);
    for (let n = 1; n <= PICTURES; n++) {
      const drawings = Array.from({ length: count() }, drawing);
      const task = { sign, recipe, drawings, kind: kind(), bystander: bystander() };
      tasks.push({ file: `${name}/${n}.webp`, ...task });
    }
  }
  /** @type {Map<string, string[]>} works by picture */
  const works = new Map();
  await each(tasks, async ({ file, sign, recipe, drawings, kind, bystander }) => {
    const random = new Random(seed, 'concepts', file);
    const used = new Set();
    const things = [];
    for (const drawing of drawings) {
      things.push(await thing(new Assembly(emoji, random, drawing), recipe, sign, used));
    }
    const beside = bystander && (await other(emoji, recipe, bystander, random, used));
    const picture = await scene(things, beside, kind, random);
    await writeFile(join(folder, file), await webp(picture));
    works.set(file, [...used].sort());
  });
  const files = tasks.map(({ file }) => file);
  for (const [name, entries] of Object.entries(lists(RECIPES.map(classesOf), PICTURES, seed))) {
    await writeFile(
      join(folder, name),
      entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
    );
  }
  await json(join(folder, 'used-emoji.json'), USED_EMOJI);
  await writeFile(
    join(folder, 'CREDITS.md'),
    credits(files.map((file) => [file, works.get(file)])),
  );
  await writeFile(join(folder, 'LICENCE.md'), licences(new Set([...works.values()].flat())));
  return { groups: RECIPES.length, concepts: 2 * RECIPES.length, pictures: tasks.length };
}

/** Makes one thing and notes the works that it is made of. */
async function thing(assembly, recipe, sign, used) {
  const at = entryOf(recipe.at, assembly.drawing);
  if (sign === 'pos') await recipe.invent(assembly, at);
  else if (recipe.draw) await recipe.draw(assembly, at);
  else await assembly.base();
  for (const work of assembly.works) used.add(work);
  return assembly.finish();
}

/** An object that stands by: often what the invented concept is made of, so that its mere presence says nothing. */
async function other(emoji, recipe, which, random, used) {
  const own = which === 'own' && recipe.parts.length;
  const part = random.pick(own ? recipe.parts : Object.keys(PARTS));
  const slug = random.pick(PARTS[part].slugs);
  const drawing = random.pick(Object.values(emoji.get(slug).drawings).flat());
  const assembly = new Assembly(emoji, random, drawing);
  await assembly.base();
  used.add(drawing.work);
  return assembly.finish();
}
