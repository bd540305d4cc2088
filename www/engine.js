/**
 * The page's side of the worker: requests and replies, and a new worker when the old one broke.
 *
 * A worker that ran out of memory or trapped cannot go on, so it is ended, and the next request starts another. The files of the
 * pictures are kept here for that: the new worker is given them again under the same keys, and the board never notices.
 */
import { newKey } from './episode.js';

/** After these the worker is of no more use. */
const FATAL = new Set([
  'device-lost',
  'out-of-memory',
  'worker-crashed',
  'engine-missing',
  'internal',
]);

/** @param {string} code @param {string} [subject] @returns {Failure} */
export const failure = (code, subject = '') => ({ code, subject, detail: {} });

/** Whatever was thrown, as a failure. @param {unknown} thrown @returns {Failure} */
export function asFailure(thrown) {
  if (thrown && typeof thrown === 'object' && 'code' in thrown && typeof thrown.code === 'string') {
    return {
      subject: '',
      detail: {},
      .../** @type {Partial<Failure>} */ (thrown),
      code: thrown.code,
    };
  }
  return failure('internal', thrown instanceof Error ? thrown.message : String(thrown));
}

/**
 * @typedef {object} Pending
 * @property {(value: any) => void} resolve
 * @property {(reason: Failure) => void} reject
 * @property {(event: any) => void} [onEvent]
 */

/** Tells by an event `lost` that the worker, and with it the loaded model, is gone. */
export class Engine extends EventTarget {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Promise<void> | null} */
  #started = null;
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  /** @type {Map<string, File>} */
  #files = new Map();
  #lastId = 0;

  /**
   * Asks the worker for something, starting one if there is none.
   * @param {Kind} kind
   * @param {object} [body]
   * @param {(event: any) => void} [onEvent] for what comes before the reply
   * @returns {Promise<any>}
   */
  async request(kind, body = {}, onEvent) {
    await this.start();
    return this.#send(kind, body, onEvent);
  }

  /** Tells a running worker something that has no reply to wait for. @param {'stop' | 'cancel'} kind */
  tell(kind) {
    if (this.#worker) void this.#send(kind, {}).catch(() => {}); // a worker that broke says so to the request it broke
  }

  /** Starts the worker and its program, if that is not done. */
  start() {
    this.#started ??= this.#boot();
    return this.#started;
  }

  /** @param {File} file @returns {Promise<Picture>} */
  async addPicture(file) {
    const key = newKey('picture');
    const { rgba, size, animated } = await this.request('add-picture', { key, file });
    this.#files.set(key, file);
    return { key, name: file.name, animated, square: new ImageData(rgba, size, size) };
  }

  /**
   * Takes in a picture that the page decoded itself; a worker is given it when there is one.
   * @param {File} file
   * @param {ImageData} square
   * @returns {Picture}
   */
  adoptPicture(file, square) {
    const key = newKey('picture');
    this.#files.set(key, file);
    // A file that is gone by then is told of when a question needs it.
    void this.#started?.then(() => this.#send('add-picture', { key, file })).catch(() => {});
    return { key, name: file.name, animated: false, square };
  }

  /** @param {string} key */
  removePicture(key) {
    this.#files.delete(key);
    if (this.#worker) void this.request('remove-picture', { key }).catch(() => {});
  }

  /**
   * Ends the worker; the next request starts another.
   * @param {Failure} reason what the requests under way fail with
   */
  end(reason) {
    if (!this.#worker) return;
    this.#worker.terminate();
    this.#worker = null;
    this.#started = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(reason);
    this.dispatchEvent(new Event('lost'));
  }

  async #boot() {
    const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.addEventListener('message', ({ data }) => {
      if (worker === this.#worker) this.#receive(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.end(failure('worker-crashed', event.message ?? ''));
    });
    await this.#send('init', {});
    for (const [key, file] of this.#files) {
      // A file that is gone by now is told of when a question needs it.
      await this.#send('add-picture', { key, file }).catch(() => {});
    }
  }

  /**
   * @param {Kind} kind
   * @param {object} body
   * @param {(event: any) => void} [onEvent]
   * @returns {Promise<any>}
   */
  #send(kind, body, onEvent) {
    return new Promise((resolve, reject) => {
      if (!this.#worker) return reject(failure('worker-crashed'));
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject, onEvent });
      this.#worker.postMessage({ ...body, id, kind });
    });
  }

  /** @param {{ id: number, ok?: unknown, error?: Failure, event?: string }} message */
  #receive(message) {
    if (message.event === 'crash') return this.end(asFailure(message.error));
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.event) return pending.onEvent?.(message);
    this.#pending.delete(message.id);
    if (!message.error) return pending.resolve(message.ok);
    pending.reject(message.error);
    if (FATAL.has(message.error.code)) this.end(message.error);
  }
}
