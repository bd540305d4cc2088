/**
 * Ready episodes from gallery/, each a press away, with what the model answered when it was recorded.
 */
import { byId, copyOf, make, within } from './dom.js';
import { failure } from './engine.js';
import { newConcept, supportOf } from './episode.js';
import { hasText, text } from './texts.js';

const FOLDER = new URL('gallery/', document.baseURI);

/** How many pictures a card shows of each concept. */
const SHOWN = 2;

/** Width and height of a picture on the board, as `Square::SIZE` in src/picture.rs. */
const SIZE = 224;

/** @param {string} file */
const addressOf = (file) => new URL(file, FOLDER).href;

/** @param {string} file @returns {Promise<Response>} */
async function get(file) {
  const response = await fetch(addressOf(file)).catch(() => null);
  if (!response?.ok) throw failure('gallery-missing', file);
  return response;
}

/**
 * A ready picture, which is square and decoded by any browser: it needs no program.
 * @param {string} path
 * @param {import('./engine.js').Engine} engine
 */
async function pictureOf(path, engine) {
  const blob = await (await get(path)).blob();
  const file = new File([blob], path.split('/').pop() ?? path, { type: blob.type });
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext('2d');
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!context || !bitmap) throw failure('gallery-missing', path);
  context.drawImage(bitmap, 0, 0, SIZE, SIZE);
  return engine.adoptPicture(file, context.getImageData(0, 0, SIZE, SIZE));
}

/**
 * Brings a ready episode, and its recorded answers, without which the board is still of use.
 * @param {Entry} entry
 * @param {import('./engine.js').Engine} engine
 * @returns {Promise<{ episode: Episode, recorded: Promise<Result[]> }>}
 */
export async function openEntry(entry, engine) {
  const fetched = get(`../recorded/${entry.id}.json`).then((response) => response.json());
  fetched.catch(() => {}); // whoever waits for the answers is told
  const all = (/** @type {string[]} */ files) =>
    Promise.all(files.map((file) => pictureOf(file, engine)));
  const concepts = Promise.all(
    entry.concepts.map(async ({ name, pictures }) => newConcept(name, await all(pictures))),
  );
  const queries = await all(entry.queries.map(({ file }) => file));
  const episode = { concepts: await concepts, queries, query: queries[0]?.key ?? null };
  const result = resultWith(supportOf(episode).map(({ key }) => key));
  const results = (/** @type {any} */ { queries: given }) =>
    entry.queries.map(({ answer }, index) => ({ ...result(given[index]), right: answer }));
  return { episode, recorded: fetched.then(results) };
}

/**
 * What was recorded, as if it came from the worker.
 * @param {string[]} keys of the pictures, which a recording numbers
 * @returns {(recorded: any) => Result}
 */
const resultWith =
  (keys) =>
  ({ answer, link, what_ifs }) => {
    const keyed = (/** @type {any} */ given) => ({
      ...given,
      examples: given.examples.map((/** @type {any} */ example) => ({
        ...example,
        picture: keys[example.picture],
      })),
    });
    return {
      answer: keyed(answer),
      link,
      what_ifs: what_ifs.map((/** @type {any} */ { intervention }) => intervention),
      recorded: what_ifs.map((/** @type {any} */ what) => ({
        ...what,
        answer: keyed(what.answer),
      })),
      device: '',
      right: null,
      tried: new Map(),
    };
  };

/** @returns {Promise<Entry[]>} */
export const fetchEntries = async () => (await get('gallery.json')).json();

/** @param {Entry[]} entries @param {(entry: Entry) => void} open pressed */
export function createGallery(entries, open) {
  const cards = byId('gallery-cards', HTMLElement);
  const render = () => cards.replaceChildren(...entries.map((entry) => makeCard(entry, open)));
  render();
  const credits = [...new Set(entries.flatMap((entry) => entry.credits))];
  byId('gallery-credits-lead', HTMLElement).hidden = credits.length === 0;
  byId('gallery-credits', HTMLElement).replaceChildren(
    ...credits.map((credit) => make('li', credit)),
  );
  return {
    render,
    /** Fetches the cards' pictures, which can wait until the board is there. */
    showPictures() {
      for (const image of cards.querySelectorAll('img')) image.src = image.dataset.src ?? '';
    },
  };
}

/** In the language of the page, where its texts have it. @param {Entry} entry */
function titleOf({ id, title }) {
  return hasText(`gallery-${id}`) ? text(`gallery-${id}`) : title;
}

/** @param {Entry} entry @param {(entry: Entry) => void} open */
function makeCard(entry, open) {
  const card = copyOf('gallery-template');
  card.dataset.testid = `gallery-${entry.id}`;
  within(card, '.gallery-title', HTMLElement).textContent = titleOf(entry);
  within(card, '.gallery-names', HTMLElement).textContent = entry.concepts
    .map(({ name }) => name)
    .join(' · ');
  const groups = entry.concepts.map(({ pictures }, index) => {
    const group = document.createElement('span');
    group.className = 'gallery-group';
    group.dataset.concept = String(index);
    group.append(
      ...pictures.slice(0, SHOWN).map((file) => {
        const image = document.createElement('img');
        image.dataset.src = addressOf(file);
        image.alt = '';
        image.width = 48;
        image.height = 48;
        image.decoding = 'async';
        return image;
      }),
    );
    return group;
  });
  within(card, '.gallery-pictures', HTMLElement).append(...groups);
  card.addEventListener('click', () => open(entry));
  card.setAttribute(
    'aria-label',
    `${titleOf(entry)}. ${text('gallery-names', {
      names: entry.concepts.map(({ name }) => name).join(', '),
    })}`,
  );
  return card;
}
