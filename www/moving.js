/**
 * Pictures that change places: dragged with a pointer, or sent by the arrow keys to the next place or the next concept.
 */
import { byId, within } from './dom.js';
import { text } from './texts.js';

/** How far a pointer moves, in pixels, before it drags. */
const SLACK = 6;

const STEPS = new Map([
  ['ArrowLeft', [0, -1]],
  ['ArrowRight', [0, 1]],
  ['ArrowUp', [-1, 0]],
  ['ArrowDown', [1, 0]],
]);

/**
 * @param {HTMLElement} thumb
 * @param {Picture} picture
 * @param {import('./episode.js').Store} store
 * @param {(node: Element | null) => string | undefined} conceptAt the concept whose card a node is in
 */
export function makeMovable(thumb, picture, store, conceptAt) {
  const grip = within(thumb, '.grip', HTMLButtonElement);
  const frame = within(thumb, '.thumb-frame', HTMLElement);
  grip.ariaLabel = text('picture-move', { file: picture.name });

  grip.addEventListener('keydown', (event) => {
    const step = STEPS.get(event.key);
    if (!step) return;
    event.preventDefault();
    const { concepts } = store.episode;
    const row = concepts.findIndex(({ pictures }) => pictures.includes(picture));
    const turned = getComputedStyle(thumb).direction === 'rtl' ? -1 : 1;
    const place = concepts[row].pictures.indexOf(picture) + step[1] * turned;
    const concept = concepts[row + step[0]];
    if (!concept || place < 0) return;
    store.placePicture(picture, concept.key, place);
    grip.focus();
    const position = store.episode.concepts[row + step[0]].pictures.indexOf(picture) + 1;
    const values = { position, name: concept.name };
    byId('board-spoken', HTMLElement).textContent = text('picture-moved', values);
  });

  frame.addEventListener('pointerdown', (start) => {
    const removing = start.target instanceof Element && start.target.closest('.remove');
    if (start.button !== 0 || removing) return;
    frame.setPointerCapture(start.pointerId);
    const listen = new AbortController();
    const { signal } = listen;
    const end = () => {
      listen.abort();
      thumb.classList.remove('dragging');
      frame.style.translate = '';
    };
    /** @param {PointerEvent} event */
    const move = ({ clientX, clientY }) => {
      const [x, y] = [clientX - start.clientX, clientY - start.clientY];
      if (!thumb.classList.contains('dragging') && Math.hypot(x, y) < SLACK) return;
      thumb.classList.add('dragging');
      frame.style.translate = `${x}px ${y}px`;
    };
    /** @param {PointerEvent} event */
    const drop = ({ clientX, clientY }) => {
      const dragged = thumb.classList.contains('dragging');
      const under = document.elementFromPoint(clientX, clientY); // the dragged one lets the pointer through
      end();
      const concept = conceptAt(under);
      if (!dragged || !concept) return;
      const other = under?.closest('.thumb');
      const place = other ? [...(other.parentElement?.children ?? [])].indexOf(other) : undefined;
      store.placePicture(picture, concept, place);
    };
    frame.addEventListener('pointermove', move, { signal });
    frame.addEventListener('pointerup', drop, { signal });
    frame.addEventListener('pointercancel', end, { signal });
  });
}
