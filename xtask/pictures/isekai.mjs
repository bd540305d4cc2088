/** Lists of questions in the form of the ISEKAI data set: a line each, which asks about one picture. */
import { Random } from './random.mjs';

/** Pictures that a list holds: enough for as many shots as are asked for. */
const SHOTS = 16;
/** Pairs of an invented concept and its real one in the shorter list. */
const PAIRS = 10;

/**
 * @typedef {object} Entry
 * @property {string} image_name the picture asked about
 * @property {string[]} positive_list
 * @property {string[]} negative_list
 * @property {string} positive_promt spelt as in the original
 * @property {string} negative_promt
 * @property {string} label_name the true name of the picture asked about
 */

/**
 * @param {{ folder: string, name: string }[][]} groups the invented and the real class of each
 * @param {number} pictures of a class
 * @param {string} seed
 * @returns {Record<string, Entry[]>} entries by file
 */
export function lists(groups, pictures, seed) {
  const some = (folder, random, without) =>
    random
      .shuffle(Array.from({ length: pictures }, (_, n) => `${folder}/${n + 1}.webp`))
      .filter((file) => file !== without)
      .slice(0, SHOTS);
  const ask = (file, asked, positive, negative) => {
    const random = new Random(seed, 'lists', file, positive.name, negative.name);
    return {
      image_name: file,
      positive_list: some(positive.folder, random, file),
      negative_list: some(negative.folder, random, file),
      positive_promt: positive.name,
      negative_promt: negative.name,
      label_name: asked.name,
    };
  };
  const every = ({ folder }) =>
    Array.from({ length: pictures }, (_, n) => `${folder}/${n + 1}.webp`);
  const withReal = spread(groups, PAIRS).flatMap(([invented, real]) =>
    [invented, real].flatMap((asked) =>
      every(asked).map((file) => ask(file, asked, invented, real)),
    ),
  );
  const invented = groups.map(([one]) => one);
  const among = invented.flatMap((asked, index) =>
    every(asked).map((file, n) => {
      // Each picture against another concept; every concept meets every other.
      const step = 1 + (n % (invented.length - 1));
      const rival = invented[(index + step) % invented.length];
      return n % 2 ? ask(file, asked, rival, asked) : ask(file, asked, asked, rival);
    }),
  );
  return { 'ISEKAI-10.json': withReal, 'ISEKAI-pair.json': among };
}

/** @template T @param {T[]} list @returns {T[]} so many of it, from all over it */
const spread = (list, count) =>
  Array.from({ length: count }, (_, n) => list[Math.floor((n * list.length) / count)]);
