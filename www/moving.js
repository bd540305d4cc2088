/** Pictures that change places: dragged with a pointer, or sent by the arrow keys to the next place or the next row. What has `data-row`
 * is the row of that key, and what has `data-picture` stands for the picture of that key. */
import { byId } from './dom.js';
import { text } from './texts.js';

/** How far a pointer moves, in pixels, before it drags. */
const SLACK = 6;

const STEPS = new Map([
  ['ArrowLeft', [0, -1]],
  ['ArrowRight', [0, 1]],
  ['ArrowUp', [-1, 0]],
  ['ArrowDown', [1, 0]],
]);

/** The row that a node is in. @param {Element | null} node */
export const rowAt = (node) => node?.closest('[data-row]')?.getAttribute('data-row') ?? null;

/** @param {HTMLElement} thumb that moves in its row @param {HTMLElement} frame what is dragged
 * @param {HTMLElement} grip what has the focus while the arrow keys are pressed @param {Picture} picture
 * @param {import('./episode.js').Store} store */
export function makeMovable(thumb, frame, grip, picture, store) {
  thumb.classList.add('movable');
  grip.dataset.picture = picture.key;

  grip.addEventListener('keydown', (event) => {
    const step = STEPS.get(event.key);
    if (!step) return;
    event.preventDefault();
    const at = store.rows.findIndex(({ pictures }) => pictures.includes(picture));
    const turned = getComputedStyle(thumb).direction === 'rtl' ? -1 : 1;
    const place = store.rows[at].pictures.indexOf(picture) + step[1] * turned;
    const row = store.rows[at + step[0]];
    if (!row || place < 0) return;
    store.placePicture(picture, row.key, place);
    const moved = document.querySelector(`[data-picture="${picture.key}"]`);
    if (moved instanceof HTMLElement) moved.focus();
    const position = store.rows[at + step[0]].pictures.indexOf(picture) + 1;
    const values = { position, name: row.name };
    if (position > 0) byId('board-spoken', HTMLElement).textContent = text('picture-moved', values);
  });

  frame.addEventListener('pointerdown', (start) => {
    const other = start.target instanceof Element && start.target.closest('.remove, .replace');
    if (start.button !== 0 || other) return;
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
      const row = rowAt(under);
      if (!dragged || !row) return;
      const other = under?.closest('.movable');
      const place = other ? [...(other.parentElement?.children ?? [])].indexOf(other) : undefined;
      store.placePicture(picture, row, place);
    };
    frame.addEventListener('pointermove', move, { signal });
    frame.addEventListener('pointerup', drop, { signal });
    frame.addEventListener('pointercancel', end, { signal });
  });
}
