/**
 * Ready episodes from gallery/, each a press away.
 */
import { byId, copyOf, within } from './dom.js';
import { failure } from './engine.js';
import { text } from './texts.js';

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} title
 * @property {{ name: string, pictures: string[] }[]} concepts
 * @property {{ file: string, answer: number }[]} queries `answer` is the index of the right concept
 * @property {string[]} credits
 */

const FOLDER = new URL('gallery/', document.baseURI);

/** How many pictures a card shows of each concept. */
const SHOWN = 2;

/** @param {string} file */
const addressOf = (file) => new URL(file, FOLDER).href;

/** @param {string} file @returns {Promise<Response>} */
async function get(file) {
  const response = await fetch(addressOf(file)).catch(() => null);
  if (!response?.ok) throw failure('gallery-missing', file);
  return response;
}

/** @param {string} path @returns {Promise<File>} */
export async function galleryFile(path) {
  const blob = await (await get(path)).blob();
  return new File([blob], path.split('/').pop() ?? path, { type: blob.type });
}

/** @param {(entry: Entry) => void} open pressed */
export async function createGallery(open) {
  /** @type {Entry[]} */
  const entries = await (await get('gallery.json')).json();
  const cards = byId('gallery-cards', HTMLElement);
  cards.replaceChildren(...entries.map((entry) => makeCard(entry, open)));
  const credits = [...new Set(entries.flatMap((entry) => entry.credits))];
  byId('gallery-credits-lead', HTMLElement).hidden = credits.length === 0;
  byId('gallery-credits', HTMLElement).replaceChildren(
    ...credits.map((credit) => {
      const item = document.createElement('li');
      item.textContent = credit;
      return item;
    }),
  );
}

/** @param {Entry} entry @param {(entry: Entry) => void} open */
function makeCard(entry, open) {
  const card = copyOf('gallery-template');
  card.dataset.testid = `gallery-${entry.id}`;
  within(card, '.gallery-title', HTMLElement).textContent = entry.title;
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
        image.src = addressOf(file);
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
    `${entry.title}. ${text('gallery-names', {
      names: entry.concepts.map(({ name }) => name).join(', '),
    })}`,
  );
  return card;
}
