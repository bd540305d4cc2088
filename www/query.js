/** The pictures to name: the one that is asked about, and the others, each with its own answer under it. */
import { acceptFiles, byId, draw, make, within } from './dom.js';
import { PICTURES, QUESTION, queryOf } from './episode.js';
import { makeMovable } from './moving.js';
import { text } from './texts.js';

/** @param {import('./episode.js').Store} store @param {ReturnType<typeof import('./pictures.js').createPictures>} addFiles
 * @param {(query: string) => { name: string, concept: number | null } | null} answerTo a question, where there is one */
export function createQuery(store, addFiles, answerTo) {
  const zone = byId('query-zone', HTMLElement);
  const figure = byId('query-figure', HTMLElement);
  const canvas = byId('query-canvas', HTMLCanvasElement);
  const frame = byId('query-frame', HTMLElement);
  const remove = byId('query-remove', HTMLButtonElement);
  const add = byId('query-add', HTMLElement);
  const addText = byId('query-add-text', HTMLElement);
  const files = byId('query-files', HTMLInputElement);
  const camera = within(zone, '.camera', HTMLElement);
  const others = byId('queries', HTMLElement);

  byId('question', HTMLElement).dataset.row = QUESTION;
  acceptFiles(zone, files, (chosen) => void addFiles(QUESTION, chosen));
  remove.addEventListener('click', () => {
    const query = queryOf(store.episode);
    if (query) store.placePicture(query, null);
    files.focus();
  });

  /** @param {Picture} picture @param {number} index */
  function makeChoice(picture, index) {
    const button = make('button', '', 'query-choice');
    const answer = answerTo(picture.key);
    button.type = 'button';
    button.dataset.testid = `query-choice-${index}`;
    const label = text('query-choose', { file: picture.name });
    button.ariaLabel = answer ? `${label}: ${answer.name}` : label;
    button.ariaPressed = String(picture.key === store.episode.query);
    button.addEventListener('click', () => store.chooseQuery(picture.key));
    const small = document.createElement('canvas');
    small.width = picture.square.width;
    small.height = picture.square.height;
    draw(small, picture);
    const caption = make('span', answer?.name ?? '?', 'query-name');
    caption.dir = 'auto';
    if (answer) caption.dataset.concept = String(answer.concept);
    button.append(small, caption);
    makeMovable(button, button, button, picture, store);
    return button;
  }

  function render() {
    const { queries } = store.episode;
    const query = queryOf(store.episode);
    figure.hidden = !query;
    add.hidden = camera.hidden = queries.length >= PICTURES;
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
    others.replaceChildren(...queries.map(makeChoice));
    if (!focused) return;
    const chosen = others.querySelector('[aria-pressed="true"]');
    if (chosen instanceof HTMLElement) chosen.focus();
  }

  store.addEventListener('change', render);
  render();

  return { figure, render };
}
