/**
 * Picture files on their way to the board: chosen, dropped or pasted.
 */
import { takePhoto } from './camera.js';
import { asFailure, failure } from './engine.js';
import { PICTURES, QUERIES } from './episode.js';
import { clearMessage, showMessage } from './messages.js';
import { sentence, text } from './texts.js';

/**
 * @param {import('./engine.js').Engine} engine
 * @param {import('./episode.js').Store} store
 * @param {() => { board: ReturnType<typeof import('./board.js').createBoard>, query: ReturnType<typeof import('./query.js').createQuery> }} panels
 */
export function createPictures(engine, store, panels) {
  /**
   * Decodes files one by one and gives each that succeeds to `put`; what failed is told in one message.
   * @param {File[]} files
   * @param {() => Element} place of the message
   * @param {(pending: number) => void} setPending
   * @param {(picture: Picture) => void} put
   * @param {() => number} room how many more there is room for
   */
  async function take(files, place, setPending, put, room) {
    clearMessage();
    if (files.length === 0) {
      showMessage(place(), [sentence(failure('no-picture-file'))], 'error', 'no-picture-file');
      return;
    }
    const errors = [];
    const notes = [];
    for (const [index, file] of files.entries()) {
      setPending(files.length - index);
      try {
        if (room() < 1) throw failure('no-room', file.name);
        const picture = await engine.addPicture(file);
        put(picture);
        if (picture.animated) notes.push(text('picture-animated', { subject: file.name }));
      } catch (thrown) {
        errors.push(asFailure(thrown));
      }
    }
    setPending(0);
    const lines = [...errors.map(sentence), ...notes];
    if (errors.length > 0) showMessage(place(), lines, 'error', errors[0].code);
    else if (notes.length > 0) showMessage(place(), lines, 'note');
  }

  /** @param {string} concept @param {File[]} files */
  const addToConcept = (concept, files) =>
    void take(
      files,
      () => panels().board.cardOf(concept),
      (pending) => panels().board.setPending(concept, pending),
      (picture) => {
        if (!store.has(concept)) return engine.removePicture(picture.key); // removed meanwhile
        store.placePicture(picture, concept);
      },
      () => {
        const of = store.episode.concepts.find(({ key }) => key === concept);
        return PICTURES - (of?.pictures.length ?? 0);
      },
    );

  /** @param {File[]} files */
  const addToQuery = (files) =>
    void take(
      files,
      () => panels().query.zone.closest('section') ?? panels().query.zone,
      panels().query.setPending,
      (picture) => store.addQuery(picture),
      () => QUERIES - store.episode.queries.length,
    );

  // A file that misses a zone must not replace the page.
  for (const kind of ['dragover', 'drop']) {
    window.addEventListener(kind, (event) => event.preventDefault());
  }

  /** @type {Element | null} what the pointer was last on */
  let pointed = null;
  document.addEventListener('pointerover', ({ target }) => {
    if (target instanceof Element) pointed = target;
  });
  /** To the concept that a node is in, else to the question. @param {(Element | null)[]} nodes @param {File[]} files */
  function add(nodes, files) {
    const concept = nodes.map(panels().board.conceptAt).find(Boolean);
    if (concept) addToConcept(concept, files);
    else addToQuery(files);
  }
  // Pasted pictures go to the concept in use, else to the question.
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return; // text, for the field that has the focus
    event.preventDefault();
    add([document.activeElement, pointed], files);
  });
  document.addEventListener('click', async ({ target }) => {
    const button = target instanceof Element ? target.closest('.camera') : null;
    const place = button?.closest('section');
    if (!button || !place) return;
    clearMessage();
    try {
      const file = await takePhoto();
      if (file) add([button], [file]);
    } catch (thrown) {
      const error = asFailure(thrown);
      showMessage(place, [sentence(error)], 'error', error.code);
    }
  });

  return { addToConcept, addToQuery };
}
