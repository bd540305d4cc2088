/**
 * The page: it joins the panels, the worker and the episode on the board.
 *
 * What a test drives has a `data-testid`:
 *
 *   boot                        the sentence for browsers in which the page cannot start
 *   gallery-<id>                the card of a ready episode; credits
 *   concept-<i>                 the card of concept i from 0; in it concept-name-<i>, concept-files-<i> (the file input), concept-remove-<i>
 *   concept-add
 *   picture-<n>                 a picture of the support set, n from 0 through all concepts; picture-remove-<n>, share-<n> (its share of the attention)
 *   query-files (the file input), query-zone, query-picture (its canvas), query-remove, query-choice-<i>
 *   ask, stop, ask-hint
 *   answer                      the panel (aria-busy while it works); in it answer-stage, answer-name, answer-note (unknown, cut off, stopped),
 *                               answer-stale, probability-<i> (one a concept), times, answer-device, answer-spoken (the live region)
 *   device-select, device       the choice, and what it came to
 *   load, cancel, progress, model-state
 *   message, message-close      the one message, an alert or a note, beside what it is about; data-code has the code of an error
 */
import { createAnswer } from './answer.js';
import { createBoard } from './board.js';
import { byId } from './dom.js';
import { asFailure, Engine, failure } from './engine.js';
import { newConcept, outlineOf, Store } from './episode.js';
import { createGallery, galleryFile } from './gallery.js';
import { clearMessage, showMessage } from './messages.js';
import { createModel } from './model.js';
import { createPictures } from './pictures.js';
import { createQuery } from './query.js';
import { fillTexts, loadTexts, sentence, text } from './texts.js';

/** How long a stop may take before the worker is ended, in milliseconds: a long step on the processor cannot hear it. */
const STOP_PATIENCE = 4000;

async function start() {
  await loadTexts();
  document.title = text('title');
  fillTexts(document);
  const page = byId('page', HTMLElement);
  byId('boot', HTMLElement).remove();
  page.hidden = false;
  if (typeof WebAssembly !== 'object') {
    showMessage(byId('head', HTMLElement), [text('error-wasm-missing')], 'error', 'wasm-missing');
    return;
  }
  run();
}

function run() {
  const store = new Store();
  const engine = new Engine();
  const askButton = byId('ask', HTMLButtonElement);
  const stopButton = byId('stop', HTMLButtonElement);
  const questionPanel = byId('question', HTMLElement);
  const galleryPanel = byId('gallery', HTMLElement);

  const answer = createAnswer();
  const pictures = createPictures(engine, store, () => ({ board, query }));
  const board = createBoard(store, pictures.addToConcept);
  const query = createQuery(store, pictures.addToQuery);
  const model = createModel(engine, tell);

  /** The outline that the shown answer belongs to. */
  let answered = '';
  /** @type {Map<string, number> | null} */
  let shares = null;

  /** Tells of a failure beside what it is about. @param {unknown} thrown */
  function tell(thrown) {
    const error = asFailure(thrown);
    if (error.code === 'cancelled') return;
    showMessage(placeOf(error), [sentence(error)], 'error', error.code);
  }

  /** @param {import('./engine.js').Failure} error @returns {Element} */
  function placeOf({ code, subject, detail }) {
    if (/^(pack|download|engine|device)-/.test(code)) return model.panel;
    if (code.startsWith('gallery-')) return galleryPanel;
    if (/^(name|concept)-/.test(code)) {
      const { concepts } = store.episode;
      const concept =
        concepts[Number(detail.concept ?? NaN)] ??
        concepts.findLast(({ name }) => name === subject);
      if (concept && code.startsWith('name-')) board.blameName(concept.key);
      if (concept) return board.cardOf(concept.key);
    }
    return questionPanel;
  }

  function markStale() {
    const stale = JSON.stringify(outlineOf(store.episode)) !== answered;
    answer.setStale(stale);
    board.showShares(shares, stale);
  }

  /** @param {boolean} is */
  function setAsking(is) {
    const focused = document.activeElement === askButton || document.activeElement === stopButton;
    askButton.hidden = is;
    stopButton.hidden = !is;
    model.setAsking(is);
    if (focused) (is ? stopButton : askButton).focus();
  }

  async function ask() {
    clearMessage();
    const outline = outlineOf(store.episode);
    setAsking(true);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let patience;
    const stop = () => {
      engine.tell('cancel');
      engine.tell('stop');
      patience ??= setTimeout(() => engine.end(failure('halted')), STOP_PATIENCE);
    };
    stopButton.addEventListener('click', stop);
    try {
      await engine.request('check', outline);
      answer.begin();
      answer.stage('load');
      board.showShares(null, false);
      await model.load();
      const reply = await engine.request('ask', outline, (event) => {
        if (event.event === 'stage') answer.stage(event.stage);
        else answer.token(event.token.text);
      });
      if (reply.answer) {
        answered = JSON.stringify(outline);
        shares = new Map(reply.answer.examples.map(sharePair));
        answer.show({ ...reply, device: model.loadedOn });
      } else {
        answer.restore(text('answer-stopped'));
      }
    } catch (thrown) {
      const { code } = asFailure(thrown);
      if (code === 'halted') answer.restore(text('answer-halted'));
      else if (code === 'cancelled' || code === 'stopped') answer.restore(text('answer-stopped'));
      else {
        answer.restore();
        tell(thrown);
      }
    } finally {
      clearTimeout(patience);
      stopButton.removeEventListener('click', stop);
      setAsking(false);
      markStale();
    }
  }

  /** @param {import('./gallery.js').Entry} entry */
  async function openEntry(entry) {
    if (galleryPanel.hasAttribute('aria-busy')) return;
    clearMessage();
    galleryPanel.setAttribute('aria-busy', 'true');
    try {
      const concepts = [];
      for (const { name, pictures: files } of entry.concepts) {
        concepts.push(newConcept(name, await decodeAll(files)));
      }
      const queries = await decodeAll(entry.queries.map(({ file }) => file));
      store.set({ concepts, queries, query: queries[0]?.key ?? null });
    } catch (thrown) {
      tell(thrown);
    } finally {
      galleryPanel.removeAttribute('aria-busy');
    }
  }

  /** @param {string[]} files */
  async function decodeAll(files) {
    return Promise.all(files.map(async (file) => engine.addPicture(await galleryFile(file))));
  }

  askButton.addEventListener('click', () => void ask());
  store.addEventListener('change', markStale);
  store.addEventListener('dropped', (event) => {
    const dropped = /** @type {CustomEvent<import('./episode.js').Picture[]>} */ (event).detail;
    for (const { key } of dropped) engine.removePicture(key);
  });
  createGallery((entry) => void openEntry(entry)).catch(tell);
}

/** @param {{ picture: string, share: number }} example @returns {[string, number]} */
const sharePair = ({ picture, share }) => [picture, share];

/** What nothing else has told of: no failure is for the console alone. @param {unknown} thrown */
function tellAtTop(thrown) {
  const error = asFailure(thrown);
  const boot = document.getElementById('boot');
  // Without its texts the page has no words of its own.
  if (boot) boot.textContent = `${boot.textContent} (${error.subject})`;
  else showMessage(byId('head', HTMLElement), [sentence(error)], 'error', error.code);
}
window.addEventListener('error', (event) => tellAtTop(event.error));
window.addEventListener('unhandledrejection', (event) => tellAtTop(event.reason));
start().catch(tellAtTop);
