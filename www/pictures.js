/** Picture files on their way to the board: chosen, dropped or pasted. */
import { takePhoto } from './camera.js';
import { asFailure, failure } from './engine.js';
import { QUESTION } from './episode.js';
import { clearMessage, showMessage } from './messages.js';
import { rowAt } from './moving.js';
import { sentence, text } from './texts.js';

/** @param {import('./engine.js').Engine} engine @param {import('./episode.js').Store} store */
export function createPictures(engine, store) {
  /** The place of a row on the page. @param {string} row */
  const placeOf = (row) => document.querySelector(`[data-row="${row}"]`) ?? document.body;

  /** Decodes files one by one and puts each that succeeds into a row; what failed is told in one message. @param {string} row
   * @param {File[]} files @param {Picture} [old] that the first of them replaces */
  async function add(row, files, old) {
    clearMessage();
    const errors = files.length === 0 ? [failure('no-picture-file')] : [];
    const notes = [];
    placeOf(row).classList.add('busy');
    for (const file of old ? files.slice(0, 1) : files) {
      try {
        if (!old && store.room(row) < 1) throw failure('no-room', file.name);
        const picture = await engine.addPicture(file);
        if (old) store.replacePicture(old, picture);
        else store.placePicture(picture, row);
        if (!store.has(picture)) engine.removePicture(picture); // its row, or the old one, was removed meanwhile
        if (picture.animated) notes.push(text('picture-animated', { subject: file.name }));
      } catch (thrown) {
        errors.push(asFailure(thrown));
      }
    }
    placeOf(row).classList.remove('busy');
    const kind = errors.length > 0 ? 'error' : 'note';
    showMessage(placeOf(row), [...errors.map(sentence), ...notes], kind, { code: errors[0]?.code });
  }

  // A file that misses a zone must not replace the page.
  for (const kind of ['dragover', 'drop']) {
    window.addEventListener(kind, (event) => event.preventDefault());
  }

  /** @type {Element | null} what the pointer was last on */
  let pointed = null;
  document.addEventListener('pointerover', ({ target }) => {
    if (target instanceof Element) pointed = target;
  });
  // Pasted pictures go to the row in use, else to the question.
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return; // text, for the field that has the focus
    event.preventDefault();
    void add(rowAt(document.activeElement) ?? rowAt(pointed) ?? QUESTION, files);
  });
  document.addEventListener('click', async ({ target }) => {
    const row = target instanceof Element && target.closest('.camera') ? rowAt(target) : null;
    if (!row) return;
    clearMessage();
    try {
      const file = await takePhoto();
      if (file) void add(row, [file]);
    } catch (thrown) {
      const error = asFailure(thrown);
      showMessage(placeOf(row), [sentence(error)], 'error', { code: error.code });
    }
  });

  return add;
}
