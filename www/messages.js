/** One message at a time, beside what it is about, until it is closed or the next thing is done. */
import { copyOf, make, within } from './dom.js';

/** @type {HTMLElement | null} */
let shown = null;

export function clearMessage() {
  shown?.remove();
  shown = null;
}

/**
 * @param {Element} place below which it stands
 * @param {string[]} lines one sentence each
 * @param {'error' | 'note'} kind
 * @param {string} [code] of the error
 */
export function showMessage(place, lines, kind = 'error', code = '') {
  clearMessage();
  if (lines.length === 0) return;
  const message = copyOf('message-template');
  message.classList.add(kind);
  message.dataset.code = code;
  message.setAttribute('role', kind === 'error' ? 'alert' : 'status');
  within(message, '.message-lines', HTMLElement).append(...lines.map((line) => make('p', line)));
  within(message, 'button', HTMLButtonElement).addEventListener('click', clearMessage);
  place.append(message);
  shown = message;
  // What comes before anything was pressed does not move the page.
  if (document.activeElement !== document.body) message.scrollIntoView({ block: 'nearest' });
}
