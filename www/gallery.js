/** Ready episodes from gallery/, each a press away, with what the model answered when it was recorded. */
import { byId, copyOf, make, within } from './dom.js';
import { failure } from './engine.js';
import { newConcept, supportOf } from './episode.js';
import { text } from './texts.js';

const FOLDER = new URL('gallery/', document.baseURI);

/** How many pictures a card shows of all its concepts together. */
const SHOWN = 4;

/** Width and height of a picture on the board. */
const SIZE = byId('query-canvas', HTMLCanvasElement).width;

/** @param {string} file */
const addressOf = (file) => new URL(file, FOLDER).href;

/** @param {string} file @returns {Promise<Response>} */
async function get(file) {
  const response = await fetch(addressOf(file)).catch(() => null);
  if (!response?.ok) throw failure('gallery-missing', file);
  return response;
}

/** A ready picture, which is square and decoded by any browser: it needs no program. @param {string} path
 * @param {import('./engine.js').Engine} engine */
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

/** Brings a ready episode, and its recorded answers, without which the board is still of use. @param {Entry} entry
 * @param {import('./engine.js').Engine} engine @returns {Promise<{ episode: Episode, recorded: Promise<Result[]> }>} */
export async function openEntry(entry, engine) {
  const fetched = get(`../recorded/${entry.id}.json`).then((response) => response.text());
  fetched.catch(() => {}); // whoever waits for the answers is told
  const all = (/** @type {string[]} */ files) =>
    Promise.all(files.map((file) => pictureOf(file, engine)));
  const concepts = Promise.all(
    entry.concepts.map(async ({ name, pictures }) => newConcept(name, await all(pictures))),
  );
  const queries = await all(entry.queries.map(({ file }) => file));
  const episode = { concepts: await concepts, queries, query: queries[0]?.key ?? null };
  const keys = supportOf(episode).map(({ key }) => key);
  return { episode, recorded: fetched.then((json) => resultsOf(json, keys, entry)) };
}

/** What was recorded, as if it came from the worker. @param {string} json
 * @param {string[]} keys of the pictures, which a recording numbers @param {Entry} entry @returns {Result[]} */
function resultsOf(json, keys, { queries }) {
  const recording = JSON.parse(json, (name, value) => (name === 'picture' ? keys[value] : value));
  return queries.map(({ answer: right }, index) => {
    const { answer, link, what_ifs: recorded } = recording.queries[index];
    const what_ifs = recorded.map((/** @type {any} */ { intervention }) => intervention);
    return { answer, link, what_ifs, recorded, right, device: '', tried: new Map() };
  });
}

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

/** @param {Entry} entry @param {(entry: Entry) => void} open */
function makeCard(entry, open) {
  const card = copyOf('gallery-template');
  card.dataset.testid = `gallery-${entry.id}`;
  const names = entry.concepts.map(({ name }) => name);
  const title = text(`gallery-${entry.id}`);
  within(card, '.gallery-title', HTMLElement).textContent = title;
  within(card, '.gallery-names', HTMLElement).textContent = names.join(' · ');
  const groups = entry.concepts.map(({ pictures }, index) => {
    const group = make('span', '', 'gallery-group');
    group.dataset.concept = String(index);
    for (const file of pictures.slice(0, Math.max(1, Math.floor(SHOWN / entry.concepts.length)))) {
      const image = new Image(48, 48);
      [image.alt, image.decoding, image.loading] = ['', 'async', 'lazy'];
      image.dataset.src = addressOf(file);
      group.append(image);
    }
    return group;
  });
  within(card, '.gallery-pictures', HTMLElement).append(...groups);
  card.addEventListener('click', () => open(entry));
  card.ariaLabel = `${title}. ${text('gallery-names', { names: names.join(', ') })}`;
  return card;
}
