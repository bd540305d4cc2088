/**
 * The page's side of the worker: requests and replies, and a new worker when the old one broke.
 *
 * A worker that ran out of memory or trapped cannot go on, so it is ended, and the next request starts another. The files of the
 * pictures are kept here for that: the new worker is given them again under the same keys, and the page never notices.
 */
import { LinkContextError } from './errors.js';
import { FolderTest } from './folder.js';

/** @import { Kind } from './messages.js' */
/** @import { Answer, Answering, Changed, Concept, ConceptOf, Device, Episode, EpisodeOf } from './types.js' */
/** @import { Failure, FolderListing, Intervention, KeptPack, Link, Opened, Picture } from './types.js' */
/** @import { EpisodeLink, PictureSource, Preference, Progress, Reply, Said } from './types.js' */
/** @import { Sameness, SharedEpisode, Token } from './types.js' */

/** After these the worker is of no more use. */
const FATAL = new Set([
  'device-lost',
  'out-of-memory',
  'worker-crashed',
  'engine-missing',
  'internal',
]);

let pictures = 0;

/**
 * @typedef {object} Pending
 * @property {(value: any) => void} resolve
 * @property {(reason: LinkContextError) => void} reject
 * @property {(event: any) => void} [onEvent] for what comes before the reply
 */

/** A board as the worker takes it, with the names of its pictures. @param {SharedEpisode} episode */
function boardOf({ concepts, queries, asked, pack, answers }) {
  const keysOf = (/** @type {Picture[]} */ row) => row.map(({ key }) => key);
  const all = [...concepts.flatMap((concept) => concept.pictures), ...queries];
  return {
    concepts: concepts.map((of) => ({ name: of.name, pictures: keysOf(of.pictures) })),
    queries: keysOf(queries),
    asked,
    pack,
    answers,
    names: all.map(({ key, name }) => ({ key, name })),
  };
}

/** @param {Blob} file */
const nameOf = (file) => (file instanceof File ? file.name : 'picture');

/**
 * A model in a worker of its own, which starts with the first request. Tells by an event `lost` that the worker, and with it the loaded
 * model, is gone; the next request starts another.
 *
 * Whatever fails is a {@link LinkContextError}; a request whose signal was aborted fails with the signal's reason.
 */
export class LinkContext extends EventTarget {
  #pack;
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Promise<void> | null} */
  #started = null;
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  /** @type {Map<string, Blob>} */
  #files = new Map();
  /** @type {WeakMap<Blob, Promise<Picture>>} */
  #decoded = new WeakMap();
  #lastId = 0;
  /** Why the worker that was last ended was ended. */
  #ended = new LinkContextError({ code: 'cancelled' });

  /** @param {{ pack: string | URL }} options `pack` is the folder with the weights: `manifest.json` is in it */
  constructor({ pack }) {
    super();
    const folder = new URL(pack, document.baseURI).href;
    this.#pack = folder.endsWith('/') ? folder : `${folder}/`;
  }

  /** Starts the worker and its program, if that is not done. @returns {Promise<void>} */
  start() {
    this.#started ??= this.#boot();
    return this.#started;
  }

  /** Decodes a picture. @param {Blob} file @returns {Promise<Picture>} */
  async addPicture(file) {
    const [key, name] = [`picture-${++pictures}`, nameOf(file)];
    const { rgba, size, animated } = await this.#request('add-picture', { key, name, file });
    this.#files.set(key, file);
    return { key, name, animated, square: new ImageData(rgba, size, size) };
  }

  /**
   * Takes in a picture that the page decoded itself; a worker is given it when there is one.
   * @param {File} file
   * @param {ImageData} square
   * @returns {Picture}
   */
  adoptPicture(file, square) {
    const [key, name] = [`picture-${++pictures}`, file.name];
    this.#files.set(key, file);
    // A file that is gone by then is told of when a question needs it.
    void this.#started?.then(() => this.#send('add-picture', { key, name, file })).catch(() => {});
    return { key, name, animated: false, square };
  }

  /** Forgets a picture. @param {Picture} picture */
  removePicture({ key }) {
    this.#files.delete(key);
    if (this.#worker) void this.#request('remove-picture', { key }).catch(() => {});
  }

  /** Fails where an episode breaks a rule; no pack is needed for that. @param {Episode} episode @returns {Promise<void>} */
  async check(episode) {
    await this.#request('check', await this.#keyed(episode));
  }

  /** What there is to load, and where it would run. @param {{ device?: Preference }} [options] @returns {Promise<Opened>} */
  open({ device = 'auto' } = {}) {
    return this.#request('open', { preference: device });
  }

  /**
   * Brings the weights here, from the server or from the browser's storage.
   * @param {{ device?: Preference, signal?: AbortSignal, onProgress?: (progress: Progress) => void }} [options]
   * @returns {Promise<{ device: Device, bytes: number }>}
   */
  load({ device = 'auto', signal, onProgress } = {}) {
    const onEvent = (/** @type {any} */ { loaded, total, part, parts }) =>
      onProgress?.({ loaded, total, part, parts });
    return this.#request('load', { preference: device }, { signal, onEvent });
  }

  /** The packs that this browser keeps. @returns {Promise<KeptPack[]>} */
  packs() {
    return this.#request('packs');
  }

  /** Removes a pack from the browser's storage; a loaded model goes on. @param {string} pack its hash @returns {Promise<void>} */
  async removePack(pack) {
    await this.#request('remove-pack', { pack });
  }

  /**
   * Reads a support set, once for all questions that are asked of it.
   * @param {Concept[]} concepts
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Link>}
   */
  async link(concepts, options) {
    const keyed = await this.#keyed({ concepts, query: null });
    return (await this.#request('link', keyed, options)).link;
  }

  /**
   * Names a picture; the support set is linked before, where it is not the one that was linked last. Leaving the loop over the tokens does
   * not stop the answer, the signal does.
   * @param {Episode} episode
   * @param {{ signal?: AbortSignal, onStage?: (stage: 'link' | 'answer') => void }} [options]
   * @returns {Answering}
   */
  ask(episode, { signal, onStage } = {}) {
    /** @type {Token[]} */
    const tokens = [];
    let over = false;
    /** @type {(() => void)[]} those who wait for the next token */
    let waiting = [];
    const wake = () => {
      for (const go of waiting) go();
      waiting = [];
    };
    const onEvent = (/** @type {any} */ { event, stage, token }) => {
      if (event === 'stage') return onStage?.(stage);
      tokens.push(token);
      wake();
    };
    /** @type {Promise<Reply>} */
    const reply = this.#keyed(episode).then((body) =>
      this.#request('ask', body, { signal, onEvent }),
    );
    const end = () => {
      over = true;
      wake();
    };
    reply.then(end, end);
    async function* stream() {
      for (let next = 0; ; next += 1) {
        while (next === tokens.length && !over) {
          await new Promise((go) => waiting.push(() => go(null)));
        }
        if (next === tokens.length) break;
        yield tokens[next];
      }
      await reply; // fails where the answer did
    }
    return { reply, [Symbol.asyncIterator]: stream };
  }

  /**
   * Asks again with the support set changed, and compares with the answer before.
   * @param {Episode} episode
   * @param {Intervention} intervention
   * @param {Answer} before
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Changed>}
   */
  async whatIf(episode, intervention, before, options) {
    const body = { ...(await this.#keyed(episode)), intervention, before };
    return this.#request('what-if', body, options);
  }

  /**
   * Reads an episode file, or a link's fragment with or without its `#`.
   * @param {Blob | string} source
   * @returns {Promise<SharedEpisode>}
   */
  async openEpisode(source) {
    const given = typeof source === 'string' ? { fragment: source } : { file: source };
    const prefix = `picture-${++pictures}`;
    const opened = await this.#request('open-episode', { prefix, ...given });
    /** @type {Map<string, Picture>} */
    const squares = new Map();
    for (const { key, name, animated, rgba, size, file } of opened.pictures) {
      this.#files.set(key, new File([file], name, { type: 'image/webp' }));
      squares.set(key, { key, name, animated, square: new ImageData(rgba, size, size) });
    }
    const row = (/** @type {string[]} */ keys) =>
      keys.map((key) => squares.get(key)).filter((picture) => picture !== undefined);
    /** @type {ConceptOf<string>[]} */
    const concepts = opened.concepts;
    const { asked, pack, answers } = opened;
    return {
      concepts: concepts.map(({ name, pictures: keys }) => ({ name, pictures: row(keys) })),
      queries: row(opened.queries),
      asked,
      pack,
      answers,
    };
  }

  /** An episode as a file, `.lcl.json`. @param {SharedEpisode} episode @returns {Promise<Blob>} */
  async saveEpisode(episode) {
    const text = await this.#request('save-episode', boardOf(episode));
    return new Blob([text], { type: 'application/json' });
  }

  /**
   * An episode as a link of at most `limit` characters behind `address`, with the best pictures for which there is room.
   * @param {SharedEpisode} episode
   * @param {{ address: string, limit: number }} options
   * @returns {Promise<EpisodeLink>}
   */
  linkEpisode(episode, { address, limit }) {
    return this.#request('link-episode', { ...boardOf(episode), address, limit });
  }

  /**
   * Compares an answer with the one that came with its episode, given by `pack`.
   * @param {Said} said
   * @param {Answer} now
   * @param {string | null} pack
   * @returns {Promise<Sameness>}
   */
  compareAnswers(said, now, pack) {
    return this.#request('compare-said', { said, now, pack });
  }

  /** What a folder has to test on. @param {{ path: string, bytes: number }[]} files @returns {Promise<FolderListing>} */
  listFolder(files) {
    return this.#request('test-list', { files });
  }

  /**
   * A test of the loaded model on a folder.
   * @param {{ names: string[], shots: number, episodes: number }} settings
   * @returns {Promise<FolderTest>}
   */
  async testFolder({ names, shots, episodes }) {
    await this.#request('test-new', { names, shots, episodes });
    return new FolderTest((kind, body) => this.#request(kind, body));
  }

  /** Ends the worker and gives back its memory; requests under way fail with `cancelled`, or as their signals say. */
  close() {
    this.#end(new LinkContextError({ code: 'cancelled' }));
  }

  /** @param {LinkContextError} reason what the requests under way fail with */
  #end(reason) {
    if (!this.#worker) return;
    this.#worker.terminate();
    this.#ended = reason;
    this.#worker = null;
    this.#started = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(reason);
    this.dispatchEvent(new Event('lost'));
  }

  async #boot() {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.#worker = worker;
    let running = false;
    worker.addEventListener('message', ({ data }) => {
      if (worker === this.#worker) this.#receive(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (worker !== this.#worker) return;
      const code = running ? 'worker-crashed' : 'engine-missing';
      this.#end(new LinkContextError({ code, subject: event.message ?? '' }));
    });
    await this.#send('init', { pack: this.#pack }).reply;
    running = true;
    for (const [key, file] of this.#files) {
      if (worker !== this.#worker) break;
      // A file that is gone by now is told of when a question needs it.
      await this.#send('add-picture', { key, name: nameOf(file), file }).reply.catch(() => {});
    }
    if (worker !== this.#worker) throw this.#ended;
  }

  /** The key of a picture, which is decoded first where it is a file. @param {PictureSource} picture */
  async #keyOf(picture) {
    if (!(picture instanceof Blob)) return picture.key;
    const decoded = this.#decoded.get(picture) ?? this.addPicture(picture);
    this.#decoded.set(picture, decoded);
    decoded.catch(() => this.#decoded.delete(picture));
    return (await decoded).key;
  }

  /** @param {Episode} episode @returns {Promise<EpisodeOf<string>>} */
  async #keyed({ concepts, query }) {
    /** @type {ConceptOf<string>[]} */
    const keyed = [];
    for (const { name, pictures } of concepts) {
      keyed.push({ name, pictures: await Promise.all(pictures.map((of) => this.#keyOf(of))) });
    }
    return { concepts: keyed, query: query && (await this.#keyOf(query)) };
  }

  /**
   * Asks the worker for something, starting one if there is none.
   * @param {Kind} kind
   * @param {object} [body]
   * @param {{ signal?: AbortSignal, onEvent?: (event: any) => void }} [options]
   * @returns {Promise<any>}
   */
  async #request(kind, body = {}, { signal, onEvent } = {}) {
    signal?.throwIfAborted();
    await this.start();
    signal?.throwIfAborted();
    const { id, reply } = this.#send(kind, body, onEvent);
    const abort = () => void this.#send('abort', { of: id }).reply.catch(() => {});
    signal?.addEventListener('abort', abort);
    try {
      return await reply;
    } catch (error) {
      if (/** @type {Failure} */ (error).code === 'cancelled') signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * @param {Kind} kind
   * @param {object} body
   * @param {(event: any) => void} [onEvent]
   * @returns {{ id: number, reply: Promise<any> }}
   */
  #send(kind, body, onEvent) {
    const id = ++this.#lastId;
    const reply = new Promise((resolve, reject) => {
      if (!this.#worker) return reject(this.#ended); // between two steps of a request
      this.#pending.set(id, { resolve, reject, onEvent });
      this.#worker.postMessage({ ...body, id, kind });
    });
    return { id, reply };
  }

  /** @param {{ id: number, ok?: unknown, error?: Failure, event?: string }} message */
  #receive(message) {
    const error = message.error && new LinkContextError(message.error);
    if (message.event === 'crash')
      return this.#end(error ?? new LinkContextError({ code: 'worker-crashed' }));
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.event) return pending.onEvent?.(message);
    this.#pending.delete(message.id);
    if (!error) return pending.resolve(message.ok);
    pending.reject(error);
    if (FATAL.has(error.code)) this.#end(error);
  }
}
