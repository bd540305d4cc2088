/** The page: it joins the panels, the worker and the episode on the board. What a test drives has a `data-testid`; see
 * tests/browser/README.md. */
import './trusted.js';
import { createAnswer, isWrong } from './answer.js';
import { Answers } from './answers.js';
import { createBoard } from './board.js';
import { byId } from './dom.js';
import { createDraft } from './draft.js';
import { asFailure, Engine, failure } from './engine.js';
import { createFailures, isLost } from './failures.js';
import { createFiles } from './files.js';
import { askedOf, emptyEpisode, Store } from './episode.js';
import { createGallery, fetchEntries, openEntry } from './gallery.js';
import { createLessons } from './lessons.js';
import { createLines } from './lines.js';
import { clearMessage, showMessage } from './messages.js';
import { createModel } from './model.js';
import { createPictures } from './pictures.js';
import { createQuery } from './query.js';
import { createTest } from './test.js';
import { keepLocale, loadTexts, preferredLocale, sentence, text } from './texts.js';
import { createWhatIf } from './whatif.js';

/** How long a stop may take before the worker is ended, in milliseconds: a long step on the processor cannot hear it. */
const STOP_PATIENCE = 4000;

const FIRST = 'robots'; // the ready episode to begin with, which the model answers surely

async function start() {
  const language = byId('language', HTMLSelectElement);
  language.value = preferredLocale([...language.options].map(({ value }) => value));
  await loadTexts(language.value);
  byId('boot', HTMLElement).remove();
  byId('page', HTMLElement).hidden = false;
  run();
}

function run() {
  const store = new Store();
  const engine = new Engine({ pack: new URL('pack/', document.baseURI) });
  const askButton = byId('ask', HTMLButtonElement);
  const askAllButton = byId('ask-all', HTMLButtonElement);
  const stopButton = byId('stop', HTMLButtonElement);
  const questionPanel = byId('question', HTMLElement);
  const galleryPanel = byId('gallery', HTMLElement);
  const undo = byId('undo', HTMLButtonElement);
  const redo = byId('redo', HTMLButtonElement);

  const answers = new Answers();
  const answer = createAnswer();
  const whatIf = createWhatIf((place) => void tryOut(place));
  const addPictures = createPictures(engine, store);
  const board = createBoard(store, addPictures);
  const query = createQuery(store, addPictures, (key) => {
    const { result, stale } = answers.of(store.episode, key);
    return result && !stale ? result.answer : null;
  });
  const lines = createLines(query.figure, board.thumbOf);
  const tell = createFailures(placeOf, doing, known);
  const model = createModel(engine, tell);
  const test = createTest(engine, model, tell);
  const files = createFiles(engine, store, answers, tell);
  const draft = createDraft(engine, store, files);
  /** @type {Promise<ReturnType<typeof import('./share.js').createShare>> | null} */
  let sharing = null;
  /** Sharing, which can wait until the board is there, unless the address has an episode. */
  const share = () =>
    (sharing ??= import('./share.js').then((module) => module.createShare(engine, files, tell)));
  // Heard from the first moment on, though what they need may come later.
  byId('share-open', HTMLButtonElement).addEventListener('click', () => {
    void share().then((made) => made.open(), tell);
  });
  window.addEventListener('hashchange', () => {
    void share()
      .then((made) => made.arrive())
      .catch(tell);
  });
  const lessons = createLessons((lesson) => void teach(lesson));
  /** @type {Entry[]} */
  let entries = [];
  /** @type {ReturnType<typeof createGallery> | null} */
  let gallery = null;
  /** How many ready episodes were asked for. */
  let opened = 0;
  /** @type {number | null} the place of the intervention that is being tried */
  let trying = null;

  /** What was last asked of the model. @type {((signal: AbortSignal) => Promise<void>) | null} */
  let last = null;
  /** What is under way; it never fails. */
  let underway = Promise.resolve();

  /** What an action of a message does, where it is of use now; when what is under way has ended, for a message may come before that.
   * @param {import('./failures.js').Action} action */
  function doing(action) {
    const again = last && working.bind(null, last);
    if (action === 'reload') return () => location.reload();
    if (action === 'load') return () => void model.load().catch(tell);
    const act = action === 'again' ? again : model.choose('cpu', () => void again?.());
    return act && (() => void underway.then(act));
  }

  /** What a report of a failure has, and what it must not have. */
  function known() {
    const { concepts, queries } = store.episode;
    const all = [...concepts.flatMap((concept) => concept.pictures), ...queries];
    const secret = [...concepts, ...all].map(({ name }) => name.trim());
    return { about: { ...model.about, browser: navigator.userAgent }, secret };
  }

  /** @param {Failure} error @returns {Element} */
  function placeOf({ code, subject, detail }) {
    if (/^(pack|download|engine|device)-/.test(code)) return model.panel;
    if (code.startsWith('gallery-')) return galleryPanel;
    if (code.startsWith('episode-')) return byId('keep', HTMLElement);
    if (code.startsWith('folder-')) return byId('test', HTMLElement);
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

  /** Shows what is known of the board as it is. */
  function show() {
    const { result, stale } = answers.of(store.episode);
    const examples = result?.answer.examples ?? [];
    answer.show(result, stale);
    whatIf.show(result, stale, trying);
    board.showShares(new Map(examples.map(({ picture, share }) => [picture, share])), stale);
    lessons.show(store.episode, result);
    lines.show(stale ? [] : examples);
    askAllButton.hidden = askButton.hidden || store.episode.queries.length < 2;
    undo.disabled = !store.canUndo;
    redo.disabled = !store.canRedo;
  }

  /** @param {boolean} is */
  function setAsking(is) {
    const buttons = [askButton, askAllButton, stopButton];
    const focused = buttons.some((button) => button === document.activeElement);
    askButton.hidden = is;
    if (is) askAllButton.hidden = true;
    stopButton.hidden = !is;
    model.setAsking(is);
    if (focused) (is ? stopButton : askButton).focus();
  }

  /** Runs something on the model, one thing at a time. @param {(signal: AbortSignal) => Promise<void>} work */
  async function working(work) {
    if (askButton.hidden) return;
    last = work;
    underway = fromAskToStop(work);
    await underway;
  }

  /** @param {(signal: AbortSignal) => Promise<void>} work */
  async function fromAskToStop(work) {
    clearMessage();
    setAsking(true);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let patience;
    let why = '';
    let halted = false;
    const stopped = new AbortController();
    const stop = () => {
      model.cancel();
      stopped.abort();
      patience ??= setTimeout(() => {
        halted = true;
        engine.close();
      }, STOP_PATIENCE);
    };
    stopButton.addEventListener('click', stop);
    try {
      await work(stopped.signal);
    } catch (thrown) {
      if (asFailure(thrown).code !== 'cancelled') tell(thrown);
      else why = text(halted ? 'answer-halted' : 'answer-stopped');
    } finally {
      clearTimeout(patience);
      stopButton.removeEventListener('click', stop);
      trying = null;
      answer.end();
      setAsking(false);
      show();
      query.render();
      if (why) answer.say(why);
    }
  }

  /** Does something on the model, and once more where the worker or the graphics card was lost on the way: both are there anew then.
   * @param {() => Promise<void>} work */
  async function steadily(work) {
    try {
      await work();
    } catch (thrown) {
      if (!isLost(thrown)) throw thrown;
      answer.end();
      answer.say(text('answer-again'));
      await work();
    }
  }

  /** Asks the question that is chosen. @param {AbortSignal} signal */
  const askChosen = (signal) => steadily(() => askOnce(signal));

  /** @param {AbortSignal} signal */
  async function askOnce(signal) {
    const { episode } = store;
    const asked = askedOf(episode);
    await engine.check(asked);
    answer.begin();
    answer.stage('load');
    await model.load();
    const answering = engine.ask(asked, { signal, onStage: answer.stage });
    for await (const token of answering) answer.token(token);
    const reply = await answering.reply;
    const before = answers.of(episode);
    const right = (before.stale ? null : before.result?.right) ?? null; // who asks again asks the same
    const device = model.loadedOn;
    const compared = await files.compare(episode, reply.answer);
    answers.put(episode, { ...reply, device, right, recorded: [], tried: new Map(), compared });
    draft.soon();
    answer.end();
    show();
  }

  /** Asks every question, one after the other, from one reading of the support set. @param {AbortSignal} signal */
  async function askEvery(signal) {
    for (const { key } of store.episode.queries) {
      store.chooseQuery(key);
      await askChosen(signal);
    }
  }

  /** Tries the intervention in this place of the shown answer's. @param {number} place */
  async function tryOut(place) {
    const { result } = answers.of(store.episode);
    if (!result) return;
    const done = (/** @type {Changed} */ changed) => {
      result.tried.set(place, changed);
      whatIf.speak(result, changed);
    };
    if (result.recorded[place]) {
      done(result.recorded[place]);
      return show();
    }
    return working(async (signal) => {
      trying = place;
      show();
      const { answer: before, what_ifs } = result;
      await steadily(async () => {
        await model.load();
        done(await engine.whatIf(askedOf(store.episode), what_ifs[place], before, { signal }));
      });
    });
  }

  /** @param {Entry} entry @param {boolean} [first] whether nobody asked for it */
  async function open(entry, first = false) {
    const turn = ++opened;
    clearMessage();
    galleryPanel.setAttribute('aria-busy', 'true');
    try {
      const { episode, recorded } = await openEntry(entry, engine);
      const [results] = await Promise.allSettled([recorded]);
      if (turn !== opened) return; // another was pressed since
      for (const [index, { key }] of episode.queries.entries()) {
        if (results.status === 'fulfilled') {
          answers.put({ ...episode, query: key }, results.value[index]);
        }
      }
      if (!first || !store.canUndo) {
        store.set(episode); // who began already is not disturbed
        draft.isReady();
      }
      await recorded;
    } catch (thrown) {
      tell(thrown);
    } finally {
      if (turn === opened) galleryPanel.removeAttribute('aria-busy');
    }
  }

  /** @param {Parameters<Parameters<typeof createLessons>[0]>[0]} lesson */
  async function teach(lesson) {
    const own = entries.filter(({ id }) => id === lesson.entry);
    if (own.length === 0) return tell(failure('gallery-missing', lesson.entry));
    for (const entry of lesson.wrong ? [...own, ...entries.toReversed()] : own) {
      await open(entry);
      const resultOf = (/** @type {Picture} */ { key }) => answers.of(store.episode, key).result;
      const wrong = store.episode.queries.find((query) => isWrong(resultOf(query)));
      if (lesson.wrong && wrong) store.chooseQuery(wrong.key);
      if (wrong || !store.episode.queries.some(resultOf)) break; // where nothing was recorded none is better
    }
    const { what_ifs } = answers.of(store.episode).result ?? { what_ifs: [] };
    const place = what_ifs.findIndex(({ kind }) => kind === lesson.kind);
    if (place >= 0) await tryOut(place);
    const about = place >= 0 ? `[data-testid="what-if-${lesson.kind}"]` : '#desk';
    document.querySelector(about)?.scrollIntoView({ block: 'nearest' });
  }

  askButton.addEventListener('click', () => void working(askChosen));
  askAllButton.addEventListener('click', () => void working(askEvery));
  byId('clear', HTMLButtonElement).addEventListener('click', () => store.set(emptyEpisode()));
  undo.addEventListener('click', () => store.undo());
  redo.addEventListener('click', () => store.redo());
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
    if (event.target instanceof HTMLInputElement) return; // a field takes its own letters back
    event.preventDefault();
    (event.shiftKey ? redo : undo).click();
  });
  store.addEventListener('change', show);
  store.addEventListener('dropped', (event) => {
    const dropped = /** @type {CustomEvent<Picture[]>} */ (event).detail;
    for (const picture of dropped) engine.removePicture(picture);
  });
  const language = byId('language', HTMLSelectElement);
  language.addEventListener('change', async () => {
    clearMessage();
    keepLocale(language.value);
    await loadTexts(language.value).catch(tell);
    board.rebuild();
    gallery?.render();
    gallery?.showPictures();
    model.rename();
    test.render();
    store.dispatchEvent(new Event('change'));
  });
  show();
  void begin();

  /** A recorded episode comes first; the program and the model's size when it is there. */
  async function begin() {
    try {
      entries = await fetchEntries();
      gallery = createGallery(entries, (entry) => void open(entry));
      const named = /episode=/.test(location.hash + location.search);
      /** @type {unknown} */
      let failed = null;
      const arrived =
        named &&
        (await share()
          .then(({ arrive }) => arrive())
          .catch((thrown) => {
            failed = thrown;
          }));
      if (!arrived && !(await draft.open()))
        await open(entries.find(({ id }) => id === FIRST) ?? entries[0], true);
      if (failed) tell(failed);
      performance.mark('episode'); // from here on the page shows something to play with
      gallery.showPictures();
      await share();
    } catch (thrown) {
      tell(thrown);
    }
    model.start();
  }
}

/** What nothing else has told of: no failure is for the console alone. @param {unknown} thrown */
function tellAtTop(thrown) {
  const error = asFailure(thrown);
  const boot = document.querySelector('#boot p');
  // Without its texts the page has no words of its own.
  if (boot) boot.textContent += ` (${error.subject})`;
  else showMessage(byId('head', HTMLElement), [sentence(error)], 'error', { code: error.code });
}
window.addEventListener('error', (event) => tellAtTop(event.error));
window.addEventListener('unhandledrejection', (event) => tellAtTop(event.reason));
start().catch(tellAtTop);
