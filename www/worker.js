/**
 * Owns the WebAssembly program and the loaded model, so that the page stays quick while they compute.
 *
 * Its messages are in types.d.ts. Pictures are called by the page's keys; the program's own numbers stay here.
 */
import { Pack } from './pack.js';
import { program } from './program.js';
import { rasterOf } from './raster.js';

/** @type {any} the module that wasm-bindgen wrote */
let wasm;
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
let stopped = false;
/** @type {any} the protocol on a folder of pictures */
let test = null;

/** @type {Promise<unknown>} */
let turn = Promise.resolve();

/**
 * One after the other, for what touches the pictures: the program forbids a second borrow while an answer is computed.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
function inTurn(work) {
  const result = turn.then(work);
  turn = result.catch(() => {});
  return result;
}

async function init() {
  try {
    wasm = await import(new URL('pkg/link_context.js', import.meta.url).href);
    await wasm.default({ module_or_path: program() });
  } catch (error) {
    throw { code: 'engine-missing', subject: String(error), detail: {} };
  }
  pictures = new wasm.Pictures();
}

/** @param {{ key: string, file: File }} message */
async function addPicture({ key, file }) {
  if (numbers.has(key)) return null; // given while the worker started, too
  try {
    const { id, rgba, size, animated } = await read(file);
    numbers.set(key, id);
    return { rgba, size, animated };
  } catch (error) {
    missing.set(key, error);
    throw error;
  }
}

/** @param {File} file */
async function read(file) {
  wasm.check_file(file.name, file.size); // a file that is too large is refused unread
  const bytes = await file.arrayBuffer().catch(() => {
    throw { code: 'picture-unreadable', subject: file.name, detail: {} }; // moved or removed since it was chosen
  });
  try {
    return await pictures.add(file.name, new Uint8Array(bytes));
  } catch (error) {
    if (plain(error).code !== 'picture-unsupported') throw error;
    const raster = await rasterOf(file, wasm.drawn_size);
    if (!raster) throw error;
    return await pictures.add_raster(file.name, raster.width, raster.height, raster.rgba);
  }
}

/** @param {{ key: string }} message */
async function removePicture({ key }) {
  const number = numbers.get(key);
  numbers.delete(key);
  missing.delete(key);
  if (number !== undefined) pictures.remove(number);
}

/**
 * The episode in the program's own numbers.
 * @param {{ concepts: { name: string, pictures: string[] }[], query: string | null }} message
 */
function numbered({ concepts, query }) {
  const numberOf = (/** @type {string} */ key) => {
    if (missing.has(key)) throw missing.get(key);
    return numbers.get(key);
  };
  return {
    concepts: concepts.map(({ name, pictures }) => ({ name, pictures: pictures.map(numberOf) })),
    query: query === null ? null : numberOf(query),
  };
}

/** @param {{ preference: string }} message */
async function open({ preference }) {
  pack?.close();
  pack = await Pack.open(wasm.PackLoader, preference);
  const versions = { program: wasm.version(), pack: pack.loader.pack().slice(0, 12) };
  return { device: pack.device, bytes: pack.bytes, kept: await pack.kept(), versions };
}

/** @param {{ preference: string }} message @param {(event: object) => void} tell */
async function load({ preference }, tell) {
  if (pack?.preference !== preference || pack.used) await open({ preference });
  if (!pack) return null;
  const { device, bytes } = pack;
  const parts = pack.files.length;
  session = await pack.load((loaded, part) => tell({ event: 'progress', loaded, part, parts }));
  linked = null;
  return { device, bytes };
}

/**
 * Links a support set, changed by the intervention if there is one, and names the query.
 * @param {{ concepts: { name: string, pictures: string[] }[], query: string, intervention?: object }} message
 * @param {(event: object) => void} tell
 */
async function answer(message, tell) {
  stopped = false;
  const { intervention } = message;
  const { concepts, query } = numbered(message);
  const support = JSON.stringify([concepts, intervention]);
  const reused = linked?.support === support;
  if (!reused) {
    linked = null;
    tell({ event: 'stage', stage: 'link' });
    const cost = await session.link(pictures, { concepts, intervention });
    linked = { support, cost };
  }
  const link = { ...linked?.cost, reused };
  if (stopped) return { concepts, answer: null, link };
  tell({ event: 'stage', stage: 'answer' });
  const given = await session.answer(pictures, query, (/** @type {object} */ token) =>
    tell({ event: 'token', token }),
  );
  const keys = new Map([...numbers].map(([key, number]) => [number, key]));
  const examples = given.examples.map((/** @type {any} */ example) => ({
    ...example,
    picture: keys.get(example.picture),
  }));
  return { concepts, answer: { ...given, examples }, link };
}

/** @param {any} message @param {(event: object) => void} tell */
async function ask(message, tell) {
  const { concepts, ...reply } = await answer(message, tell);
  return { ...reply, what_ifs: reply.answer ? wasm.what_ifs(concepts, reply.answer) : [] };
}

/** @param {any} message @param {(event: object) => void} tell */
async function whatIf(message, tell) {
  const { concepts, ...reply } = await answer(message, tell);
  if (!reply.answer?.concepts.length) return { ...reply, answer: null }; // stopped
  const { intervention, before } = message;
  const after = reply.answer;
  return { ...reply, ...wasm.compare({ concepts, intervention, before, after }) };
}

/** @param {{ file: File, path: string, place: number, concept: number }} message */
async function testPicture({ file, path, place, concept }) {
  const { id } = await read(file);
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
  cancel: () => pack?.cancel(),
  stop: () => {
    stopped = true;
    session?.stop();
  },
};

/** What was thrown, as something that can be posted. @param {any} error */
function plain(error) {
  if (typeof error?.code === 'string') {
    return { code: error.code, subject: String(error.subject ?? ''), detail: error.detail ?? {} };
  }
  if (error?.name === 'AbortError') return { code: 'cancelled', subject: '', detail: {} };
  const code = error instanceof WebAssembly.RuntimeError ? 'worker-crashed' : 'internal';
  return { code, subject: String(error?.message ?? error), detail: {} };
}

self.addEventListener('message', async ({ data }) => {
  const { id, kind } = /** @type {{ id: number, kind: Kind }} */ (data);
  try {
    const ok = await handlers[kind](data, (event) => self.postMessage({ ...event, id }));
    self.postMessage({ id, ok: ok ?? null });
  } catch (error) {
    self.postMessage({ id, error: plain(error) });
  }
});

// A trap in a task that nobody awaits reaches no handler above.
/** @param {Event} event @param {unknown} error */
function crashed(event, error) {
  event.preventDefault();
  self.postMessage({ event: 'crash', error: { ...plain(error), code: 'worker-crashed' } });
}
self.addEventListener('error', (event) => crashed(event, event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => crashed(event, event.reason));
