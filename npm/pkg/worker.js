/**
 * Owns the WebAssembly program and the loaded model, so that the page stays quick while they compute.
 *
 * Its messages are in messages.d.ts. Pictures are called by the page's keys; the program's own numbers stay here.
 */
import * as wasm from './link_context.js'; // which wasm-bindgen writes
import { Pack } from './pack.js';
import { program } from './program.js';
import { rasterOf } from './raster.js';
import { keptPacks, removePack } from './store.js';

/** @import { Kind } from './messages.js' */
/** @import { ConceptOf, EpisodeOf, Intervention } from './types.js' */

/** The address of the folder with the weights. */
let folder = '';
/** The program's. @type {WebAssembly.Memory | null} */
let memory = null;
/** @type {any} */
let pictures;
/** @type {Map<string, number>} */
const numbers = new Map();
/** @type {Map<string, unknown>} why a picture that the page has could not be added again (its file was moved, say) */
const missing = new Map();
/** @type {Pack | null} */
let pack = null;
/** @type {any} */
let session = null;
/** @type {{ support: string, cost: object } | null} what the session has linked */
let linked = null;
/** SHA-256 of the loaded pack's manifest. @type {string | null} */
let packHash = null;
/** The answer that is being written. @type {number | null} */
let answering = null;
/** What was aborted before its turn came, or since. @type {Set<number>} */
const aborted = new Set();
/** @type {any} the protocol on a folder of pictures */
let test = null;

/** A row in which one thing is done after the other. */
function row() {
  /** @type {Promise<unknown>} */
  let turn = Promise.resolve();
  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  return (work) => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
}

/** For what touches the pictures: the program forbids a second borrow while an answer is computed. */
const inTurn = row();
/** For packs: the program starts the graphics device once, and who asks again before it has started would be refused. */
const packInTurn = row();

/** @param {{ pack: string }} message */
async function init(message) {
  folder = message.pack;
  try {
    ({ memory } = await wasm.default({ module_or_path: program() }));
  } catch (error) {
    throw { code: 'engine-missing', subject: String(error), detail: {} };
  }
  pictures = new wasm.Pictures();
}

/** @param {{ key: string, name: string, file: Blob }} message */
async function addPicture({ key, name, file }) {
  if (numbers.has(key)) return null; // given while the worker started, too
  try {
    const { id, rgba, size, animated } = await read(name, file);
    numbers.set(key, id);
    return { rgba, size, animated };
  } catch (error) {
    missing.set(key, error);
    throw error;
  }
}

/** @param {string} name @param {Blob} file */
async function read(name, file) {
  wasm.check_file(name, file.size); // a file that is too large is refused unread
  const bytes = await file.arrayBuffer().catch(() => {
    throw { code: 'picture-unreadable', subject: name, detail: {} }; // moved or removed since it was chosen
  });
  try {
    return await pictures.add(name, new Uint8Array(bytes));
  } catch (error) {
    if (plain(error).code !== 'picture-unsupported') throw error;
    const raster = await rasterOf(name, file, wasm.drawn_size);
    if (!raster) throw error;
    return await pictures.add_raster(name, raster.width, raster.height, raster.rgba);
  }
}

/** @param {{ key: string }} message */
async function removePicture({ key }) {
  const number = numbers.get(key);
  numbers.delete(key);
  missing.delete(key);
  if (number === undefined) return;
  pictures.remove(number);
  session?.forget(number);
}

/** The episode in the program's own numbers. @param {EpisodeOf<string>} message */
function numbered({ concepts, query }) {
  const numberOf = (/** @type {string} */ key) => {
    if (missing.has(key)) throw missing.get(key);
    const number = numbers.get(key);
    if (number === undefined) throw { code: 'picture-unknown', subject: key, detail: {} };
    return number;
  };
  return {
    concepts: concepts.map(({ name, pictures }) => ({ name, pictures: pictures.map(numberOf) })),
    query: query === null ? null : numberOf(query),
  };
}

/** @param {{ preference: string }} message */
async function open({ preference }) {
  pack = await packInTurn(() => {
    pack?.close();
    return Pack.open(wasm.PackLoader, folder, preference);
  });
  const versions = { program: wasm.version(), pack: pack.hash.slice(0, 12) };
  return { device: pack.device, bytes: pack.bytes, kept: await pack.kept(), versions };
}

/** @param {{ id: number, preference: string }} message @param {(event: object) => void} tell */
async function load({ id, preference }, tell) {
  if (pack?.preference !== preference || pack.used) await open({ preference });
  if (!pack) return null;
  if (aborted.has(id)) throw CANCELLED;
  const { device, bytes, hash } = pack;
  pack.loading = id;
  const parts = pack.files.length;
  const report = (/** @type {number} */ loaded, /** @type {number} */ part) =>
    tell({ event: 'progress', loaded, total: bytes, part, parts });
  session = await pack.load(report);
  [linked, packHash] = [null, hash];
  return { device, bytes };
}

/** A support set that is changed by the intervention, where there is one. */
/** @typedef {{ id: number, concepts: ConceptOf<string>[], intervention?: Intervention }} Support */

/**
 * Links a support set, unless it is the one that was linked last.
 * @param {Support} message
 * @param {(event: object) => void} [tell]
 */
async function link({ id, concepts: keyed, intervention }, tell) {
  if (aborted.has(id)) throw CANCELLED;
  if (!session) throw { code: 'not-loaded', subject: '', detail: {} };
  const { concepts } = numbered({ concepts: keyed, query: null });
  const support = JSON.stringify([concepts, intervention]);
  const reused = linked?.support === support;
  if (!reused) {
    linked = null;
    tell?.({ event: 'stage', stage: 'link' });
    const cost = await session.link(pictures, { concepts, intervention });
    linked = { support, cost };
  }
  if (aborted.has(id)) throw CANCELLED;
  return { concepts, link: { ...linked?.cost, reused } };
}

/**
 * Links a support set and names the query.
 * @param {Support & { query: string }} message
 * @param {(event: object) => void} tell
 */
async function answer(message, tell) {
  const { concepts, link: cost } = await link(message, tell);
  const { query } = numbered({ concepts: [], query: message.query });
  tell({ event: 'stage', stage: 'answer' });
  answering = message.id;
  const given = await session.answer(pictures, query, (/** @type {object} */ token) =>
    tell({ event: 'token', token }),
  );
  if (aborted.has(message.id)) throw CANCELLED;
  const keys = new Map([...numbers].map(([key, number]) => [number, key]));
  return { concepts, answer: called(given, (number) => keys.get(number)), link: cost };
}

/** @param {any} message @param {(event: object) => void} tell */
async function ask(message, tell) {
  const { concepts, ...reply } = await answer(message, tell);
  return { ...reply, what_ifs: wasm.what_ifs(concepts, reply.answer) };
}

/** @param {any} message @param {(event: object) => void} tell */
async function whatIf(message, tell) {
  const { concepts, answer: after } = await answer(message, tell);
  const { intervention, before } = message;
  return { answer: after, ...wasm.compare({ concepts, intervention, before, after }) };
}

/** With the pictures that an answer refers to called in another way. @param {any} answer @param {(picture: any) => unknown} call */
function called(answer, call) {
  const examples = answer.examples.map((/** @type {any} */ example) => ({
    ...example,
    picture: call(example.picture),
  }));
  return { ...answer, examples };
}

/** @param {{ prefix: string, file?: Blob, fragment: string }} message */
async function openEpisode({ prefix, file, fragment }) {
  if (file) wasm.check_episode_file(file.size);
  const opened = file
    ? pictures.open_file(new Uint8Array(await file.arrayBuffer()))
    : pictures.open_link(fragment);
  /** @type {Map<number, string>} */
  const keys = new Map();
  for (const picture of opened.pictures) {
    picture.key = `${prefix}.${keys.size}`;
    keys.set(picture.id, picture.key);
    numbers.set(picture.key, picture.id);
  }
  const keyOf = (/** @type {number} */ number) => keys.get(number);
  const answers = opened.answers.map((/** @type {any} */ said) => {
    if (!said?.evidence) return said;
    const { link } = said.evidence;
    const answer = called(said.evidence.answer, keyOf);
    return {
      ...said,
      evidence: { answer, link },
      what_ifs: wasm.what_ifs(opened.concepts, answer),
    };
  });
  const concepts = opened.concepts.map((/** @type {ConceptOf<number>} */ of) => ({
    name: of.name,
    pictures: of.pictures.map(keyOf),
  }));
  return { ...opened, concepts, queries: opened.queries.map(keyOf), answers };
}

/** What was said without what goes along with it on a page. @param {any} said @param {(picture: any) => unknown} call */
function bare({ name, evidence }, call) {
  if (!evidence) return { name };
  const { tokens, milliseconds, encode_milliseconds } = evidence.link;
  const link = { tokens, milliseconds, encode_milliseconds };
  return { name, evidence: { answer: called(evidence.answer, call), link } };
}

/** A board in the program's own numbers, and the names of its pictures. @param {any} message */
function numberedBoard({ concepts, queries, asked, pack, answers, names }) {
  const numberOf = (/** @type {string} */ key) => numbered({ concepts: [], query: key }).query;
  const said = answers.map((/** @type {any} */ of) => of && bare(of, numberOf));
  const board = {
    concepts: numbered({ concepts, query: null }).concepts,
    queries: queries.map(numberOf),
    asked,
    pack: pack ?? (said.some(Boolean) ? packHash : null),
    answers: said,
  };
  const named = names.map((/** @type {any} */ { key, name }) => ({ id: numberOf(key), name }));
  return { board, named };
}

/** @param {any} message */
function saveEpisode(message) {
  const { board, named } = numberedBoard(message);
  return pictures.to_file(board, named);
}

/** @param {any} message */
function linkEpisode(message) {
  const { board, named } = numberedBoard(message);
  return pictures.to_link(board, named, message.limit, message.address);
}

/** @param {{ of: number }} message */
function abort({ of }) {
  aborted.add(of);
  if (of === pack?.loading) pack.cancel();
  if (of === answering) session?.stop();
}

/** @param {{ file: File, path: string, place: number, concept: number }} message */
async function testPicture({ file, path, place, concept }) {
  const { id } = await read(file.name, file);
  try {
    session.test_picture(test, pictures, id, concept, path, place);
  } finally {
    pictures.remove(id); // a test needs its features alone
  }
}

async function testEpisode() {
  linked = null; // what the board had asked about is not linked any more
  await session.test_episode(test);
  return test.report();
}

/** @type {Record<Kind, (message: any, tell: (event: object) => void) => unknown>} */
const handlers = {
  init,
  open,
  load,
  'add-picture': (message) => inTurn(() => addPicture(message)),
  'remove-picture': (message) => inTurn(() => removePicture(message)),
  link: (message) => inTurn(async () => ({ link: (await link(message)).link })),
  check: (message) => inTurn(async () => pictures.check(numbered(message))),
  ask: (message, tell) => inTurn(() => ask(message, tell)),
  'what-if': (message, tell) => inTurn(() => whatIf(message, tell)),
  'test-list': ({ files }) => wasm.list_folder(files),
  'test-new': ({ names, shots, episodes }) => {
    test?.free();
    test = new wasm.WebFolderTest(names, shots, episodes);
  },
  'test-picture': (message) => inTurn(() => testPicture(message)),
  'test-begin': () => test.begin(),
  'test-episode': () => inTurn(testEpisode),
  'test-csv': () => test.csv(),
  packs: keptPacks,
  'remove-pack': (message) => removePack(message.pack),
  'open-episode': (message) => inTurn(() => openEpisode(message)),
  'save-episode': (message) => inTurn(async () => saveEpisode(message)),
  'link-episode': (message) => inTurn(async () => linkEpisode(message)),
  'compare-said': ({ said, now, pack }) =>
    wasm.compare_said({ said: bare(said, (key) => key), now, packs: [pack, packHash] }),
  abort,
};

/** Why a request failed whose signal was aborted. */
const CANCELLED = { code: 'cancelled', subject: '', detail: {} };

/** Why the program trapped: it does so, too, where there is no memory left to grow by (16 MB are asked for). */
function trapped() {
  try {
    memory?.grow(256);
    return 'worker-crashed';
  } catch {
    return 'out-of-memory';
  }
}

/** What was thrown, as something that can be posted. @param {any} error */
function plain(error) {
  if (typeof error?.code === 'string') {
    return { code: error.code, subject: String(error.subject ?? ''), detail: error.detail ?? {} };
  }
  if (error?.name === 'AbortError') return CANCELLED;
  const code = error instanceof WebAssembly.RuntimeError ? trapped() : 'internal';
  return { code, subject: String(error?.message ?? error), detail: {} };
}

self.addEventListener('message', async ({ data }) => {
  const { id, kind } = /** @type {{ id: number, kind: Kind }} */ (data);
  try {
    const ok = await handlers[kind](data, (event) => self.postMessage({ ...event, id }));
    self.postMessage({ id, ok: ok ?? null });
  } catch (error) {
    self.postMessage({ id, error: plain(error) });
  } finally {
    aborted.delete(id);
  }
});

// A trap in a task that nobody awaits reaches no handler above.
/** @param {Event} event @param {unknown} error */
function crashed(event, error) {
  event.preventDefault();
  self.postMessage({ event: 'crash', error: { ...plain(error), code: trapped() } });
}
self.addEventListener('error', (event) => crashed(event, event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => crashed(event, event.reason));
