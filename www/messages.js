/** One message at a time, beside what it is about, until it is closed or the next thing is done. */
import { copyOf, make, within } from './dom.js';
import { text } from './texts.js';

/** @type {HTMLElement | null} */
let shown = null;

export function clearMessage() {
  shown?.remove();
  shown = null;
}

/** @typedef {{ name: string, label: string, act: (() => void) | null }} Choice something to do about it, nothing where it is of no use now */

/** @param {Element} place below which it stands @param {string[]} lines one sentence each @param {'error' | 'note'} kind
 * @param {{ code?: string, buttons?: Choice[], report?: string }} [more] of an error */
export function showMessage(place, lines, kind = 'error', more = {}) {
  const { code = '', buttons = [], report = '' } = more;
  clearMessage();
  if (lines.length === 0) return;
  const message = copyOf('message-template');
  message.classList.add(kind);
  message.dataset.code = code;
  message.setAttribute('role', kind === 'error' ? 'alert' : 'status');
  within(message, '.message-lines', HTMLElement).prepend(...lines.map((line) => make('p', line)));
  const actions = within(message, '.message-actions', HTMLElement);
  for (const { name, label, act } of buttons) {
    if (!act) continue;
    const button = make('button', label, 'button plain');
    button.type = 'button';
    button.dataset.testid = `message-${name}`;
    button.addEventListener('click', () => {
      clearMessage();
      act();
    });
    actions.append(button);
  }
  const details = within(message, 'details', HTMLDetailsElement);
  details.hidden = !report;
  const shownReport = within(details, 'pre', HTMLElement);
  shownReport.textContent = report;
  const copy = within(details, 'button', HTMLButtonElement);
  copy.addEventListener('click', () => {
    const copied = () => (copy.textContent = text('share-copied'));
    // Where the browser forbids it, what is to be copied is selected, for the visitor to do it.
    const select = () => getSelection()?.selectAllChildren(shownReport);
    void navigator.clipboard.writeText(report).then(copied, select);
  });
  within(message, '.icon', HTMLButtonElement).addEventListener('click', clearMessage);
  place.append(message);
  shown = message;
  // What comes before anything was pressed does not move the page.
  if (document.activeElement !== document.body) message.scrollIntoView({ block: 'nearest' });
}
