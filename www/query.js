/**
 * The picture to name, and the others that may be asked about.
 */
import { acceptFiles, byId, draw } from './dom.js';
import { queryOf } from './episode.js';
import { text } from './texts.js';

/**
 * @param {import('./episode.js').Store} store
 * @param {(files: File[]) => void} addFiles
 */
export function createQuery(store, addFiles) {
  const zone = byId('query-zone', HTMLElement);
  const figure = byId('query-figure', HTMLElement);
  const canvas = byId('query-canvas', HTMLCanvasElement);
  const frame = byId('query-frame', HTMLElement);
  const remove = byId('query-remove', HTMLButtonElement);
  const add = byId('query-add', HTMLElement);
  const addText = byId('query-add-text', HTMLElement);
  const files = byId('query-files', HTMLInputElement);
  const others = byId('queries', HTMLElement);

  acceptFiles(zone, files, addFiles);
  remove.addEventListener('click', () => {
    const query = queryOf(store.episode);
    if (query) store.removeQuery(query.key);
    files.focus();
  });

  function render() {
    const { queries } = store.episode;
    const query = queryOf(store.episode);
    figure.hidden = !query;
    add.classList.toggle('small', Boolean(query));
    addText.textContent = text(query ? 'query-replace' : 'query-add');
    if (query) {
      draw(canvas, query);
      canvas.setAttribute('aria-label', text('query-picture', { file: query.name }));
      remove.setAttribute('aria-label', text('query-remove', { file: query.name }));
      frame.hidden = !query.animated;
    }
    const focused = others.contains(document.activeElement);
    others.hidden = queries.length < 2;
    others.replaceChildren(
      ...queries.map((picture, index) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'query-choice';
        button.dataset.testid = `query-choice-${index}`;
        button.setAttribute('aria-label', text('query-choose', { file: picture.name }));
        button.setAttribute('aria-pressed', String(picture === query));
        button.addEventListener('click', () => store.chooseQuery(picture.key));
        const small = document.createElement('canvas');
        small.width = picture.square.width;
        small.height = picture.square.height;
        draw(small, picture);
        button.append(small);
        return button;
      }),
    );
    if (focused) {
      const chosen = others.querySelector('[aria-pressed="true"]');
      if (chosen instanceof HTMLElement) chosen.focus();
    }
  }

  store.addEventListener('change', render);
  render();

  return {
    zone,
    /** @param {number} pending pictures that are still being decoded */
    setPending: (pending) => zone.classList.toggle('busy', pending > 0),
  };
}
