/** The concepts with their names and pictures, and under each picture its share of the attention. */
import { acceptFiles, byId, copyOf, draw, fill, within } from './dom.js';
import { CONCEPTS, PICTURES } from './episode.js';
import { makeMovable, rowAt } from './moving.js';
import { percent, text } from './texts.js';

/** @param {import('./episode.js').Store} store @param {ReturnType<typeof import('./pictures.js').createPictures>} addFiles */
export function createBoard(store, addFiles) {
  const list = byId('concepts', HTMLElement);
  const addButton = byId('concept-add', HTMLButtonElement);
  const count = byId('concept-count', HTMLElement);
  /** @type {Map<string, HTMLElement>} the card of each concept */
  const cards = new Map();
  /** @type {Map<string, HTMLElement>} the thumbnail of each picture */
  const thumbs = new Map();

  addButton.addEventListener('click', () => {
    const { key } = store.addConcept();
    focusName(key);
  });

  /** @param {string} key */
  function focusName(key) {
    const card = cards.get(key);
    if (!card) return null;
    const name = within(card, 'input.name', HTMLInputElement);
    name.focus();
    return name;
  }

  /** @param {Concept} concept */
  function makeCard({ key }) {
    const card = copyOf('concept-template');
    card.dataset.row = key;
    const name = within(card, 'input.name', HTMLInputElement);
    name.placeholder = text('concept-placeholder');
    name.addEventListener('input', () => {
      name.removeAttribute('aria-invalid');
      store.nameConcept(key, name.value);
    });
    within(card, '.concept-remove', HTMLButtonElement).addEventListener('click', () => {
      store.removeConcept(key);
      addButton.focus();
    });
    acceptFiles(
      card,
      within(card, 'input.files', HTMLInputElement),
      (files) => void addFiles(key, files),
    );
    cards.set(key, card);
    return card;
  }

  /** @param {Picture} picture */
  function makeThumb(picture) {
    const thumb = copyOf('thumb-template');
    draw(within(thumb, 'canvas', HTMLCanvasElement), picture);
    within(thumb, '.badge', HTMLElement).hidden = !picture.animated;
    const remove = within(thumb, '.remove', HTMLButtonElement);
    remove.setAttribute('aria-label', text('picture-remove', { file: picture.name }));
    remove.addEventListener('click', () => {
      const next = thumb.nextElementSibling?.querySelector('button, input');
      store.placePicture(picture, null);
      if (next instanceof HTMLElement) next.focus();
    });
    const replace = within(thumb, '.replace', HTMLElement);
    const file = within(replace, 'input', HTMLInputElement);
    file.ariaLabel = text('picture-replace', { file: picture.name });
    acceptFiles(replace, file, (files) => void addFiles(rowAt(thumb) ?? '', files, picture));
    const grip = within(thumb, '.grip', HTMLButtonElement);
    grip.ariaLabel = text('picture-move', { file: picture.name });
    makeMovable(thumb, within(thumb, '.thumb-frame', HTMLElement), grip, picture, store);
    thumbs.set(picture.key, thumb);
    return thumb;
  }

  /** @param {HTMLElement} card @param {Concept} concept @param {number} index
   * @param {number} first how many pictures stand before this concept */
  function renderCard(card, concept, index, first) {
    const number = index + 1;
    card.dataset.concept = String(index);
    card.dataset.testid = `concept-${index}`;
    card.setAttribute('aria-label', text('concept-title', { number }));
    const label = text('concept-name', { number });
    within(card, '.concept-label .spoken', HTMLElement).textContent = label;
    const name = within(card, 'input.name', HTMLInputElement);
    name.dataset.testid = `concept-name-${index}`;
    if (name.value !== concept.name) name.value = concept.name;
    const remove = within(card, '.concept-remove', HTMLButtonElement);
    remove.dataset.testid = `concept-remove-${index}`;
    remove.setAttribute('aria-label', text('concept-remove', { number }));
    remove.hidden = store.episode.concepts.length <= CONCEPTS.first;
    const files = within(card, 'input.files', HTMLInputElement);
    files.dataset.testid = `concept-files-${index}`;
    files.setAttribute('aria-label', text('pictures-add-to', { number }));

    within(card, '.thumb-add', HTMLElement).hidden = concept.pictures.length >= PICTURES;

    const row = within(card, '.thumbs', HTMLElement);
    const wanted = concept.pictures.map((picture) => thumbs.get(picture.key) ?? makeThumb(picture));
    for (const old of row.querySelectorAll('.thumb')) {
      if (!wanted.includes(/** @type {HTMLElement} */ (old))) old.remove();
    }
    wanted.forEach((thumb, place) => {
      if (row.children[place] !== thumb) row.insertBefore(thumb, row.children[place] ?? null);
      const n = first + place;
      thumb.dataset.testid = `picture-${n}`;
      within(thumb, '.share', HTMLElement).dataset.testid = `share-${n}`;
      within(thumb, '.remove', HTMLButtonElement).dataset.testid = `picture-remove-${n}`;
      within(thumb, '.grip', HTMLButtonElement).dataset.testid = `picture-move-${n}`;
      within(thumb, '.replace input', HTMLInputElement).dataset.testid = `picture-replace-${n}`;
      const values = { position: place + 1, number, file: concept.pictures[place].name };
      within(thumb, 'canvas', HTMLElement).setAttribute('aria-label', text('picture-of', values));
    });
  }

  function render() {
    const { concepts } = store.episode;
    const keys = new Set(concepts.map(({ key }) => key));
    for (const [key, card] of cards) {
      if (keys.has(key)) continue;
      card.remove();
      cards.delete(key);
    }
    let first = 0;
    concepts.forEach((concept, index) => {
      const card = cards.get(concept.key) ?? makeCard(concept);
      if (list.children[index] !== card) list.insertBefore(card, list.children[index] ?? null);
      renderCard(card, concept, index, first);
      first += concept.pictures.length;
    });
    addButton.hidden = concepts.length >= CONCEPTS.most;
    count.textContent = text('concept-count', { count: concepts.length, limit: CONCEPTS.most });
  }

  store.addEventListener('change', render);
  store.addEventListener('dropped', (event) => {
    const dropped = /** @type {CustomEvent<Picture[]>} */ (event).detail;
    for (const { key } of dropped) thumbs.delete(key);
  });
  render();

  return {
    /** The card of a concept, for what has to be said about it. @param {string} key */
    cardOf: (key) => cards.get(key) ?? list,

    /** Makes everything anew, in another language. */
    rebuild() {
      list.replaceChildren();
      cards.clear();
      thumbs.clear();
      render();
    },

    /** The thumbnail of a picture. @param {string} key */
    thumbOf: (key) => thumbs.get(key),

    /** Marks a name as the matter of an error. @param {string} key */
    blameName(key) {
      focusName(key)?.setAttribute('aria-invalid', 'true');
    },

    /** @param {Map<string, number> | null} shares of the attention by a picture's key; null for none @param {boolean} stale */
    showShares(shares, stale) {
      const most = Math.max(...(shares?.values() ?? []), 1e-6);
      for (const [key, thumb] of thumbs) {
        const share = shares?.get(key);
        const line = within(thumb, '.share', HTMLElement);
        line.hidden = share === undefined;
        thumb.classList.toggle('stale', stale);
        if (share === undefined) continue;
        // The longest bar is the largest share: with many pictures each has little, and what counts is which has more.
        fill(line, share / most);
        const shown = percent(share);
        within(line, '.share-value', HTMLElement).textContent = shown;
        within(line, '.share-label', HTMLElement).textContent = text('share-label', {
          share: shown,
        });
      }
    },
  };
}
