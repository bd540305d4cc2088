/**
 * The weights' way from the server, or from the browser's storage, into the program. Runs in the worker.
 *
 * A file is stored under its hash once the program has accepted it, so a cancelled or broken download goes on where it was, and a new
 * pack never meets an old file. The storage is a help only: where it is full or forbidden the pack loads all the same.
 */

/** @import { PackFile } from './messages.js' */

const STORAGE = 'link-context-pack';

/** Codes of a file that is not what the manifest says: the copy may be an old one, so the server is asked once more. */
const DAMAGED = new Set(['pack-shard-truncated', 'pack-shard-corrupt']);

/** Progress is told at most this often, in milliseconds. */
const PACE = 100;

/** Null where the browser forbids it. @returns {Promise<Cache | null>} */
const storage = () => (async () => caches.open(STORAGE))().catch(() => null);

/** @param {Cache | null} cache @returns {Promise<readonly Request[]>} what it holds */
const keysOf = async (cache) => (await cache?.keys().catch(() => null)) ?? [];

export class Pack {
  /** Whether a load was begun with it: the loader then holds a part of the weights and cannot begin again. */
  used = false;
  /** The request that loads it. @type {number | null} */
  loading = null;
  #abort = new AbortController();

  /** @param {any} loader @param {string} folder its address @param {string} preference */
  constructor(loader, folder, preference) {
    this.loader = loader;
    this.folder = folder;
    this.preference = preference;
    this.device = loader.device();
    /** @type {{ shards: PackFile[], tokenizer: PackFile, total_bytes: number }} */
    const { shards, tokenizer, total_bytes } = loader.files();
    this.files = [...shards, tokenizer];
    this.tokenizer = tokenizer;
    this.bytes = total_bytes;
  }

  /**
   * Fetches the manifest and lets the program choose the device.
   * @param {any} Loader `PackLoader` of the program
   * @param {string} folder its address
   * @param {string} preference
   */
  static async open(Loader, folder, preference) {
    const text = await (await request(folder, 'manifest.json', { cache: 'no-cache' })).text();
    const loader = await Loader.open(text, preference);
    return new Pack(loader, folder, preference);
  }

  /** Under which a file is stored. @param {PackFile} file */
  #addressOf = (file) => new URL(`by-hash/${file.sha256}`, this.folder).href;

  /** The bytes that this browser already has. */
  async kept() {
    const keys = new Set((await keysOf(await storage())).map(({ url }) => url));
    const files = this.files.filter((file) => keys.has(this.#addressOf(file)));
    return files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  cancel() {
    this.#abort.abort();
  }

  /** Gives back what the loader holds. */
  close() {
    this.cancel();
    this.loader?.free?.();
    this.loader = null;
  }

  /** Brings every file into the loader. @param {(loaded: number, part: number) => void} tell @returns {Promise<any>} the session */
  async load(tell) {
    this.used = true;
    let [before, told, part] = [0, 0, 0];
    const report = (/** @type {number} */ loaded) => {
      if (performance.now() - told < PACE && before + loaded < this.bytes) return;
      told = performance.now();
      tell(before + loaded, part);
    };
    let session = null;
    for (const [index, file] of this.files.entries()) {
      [part, told] = [index + 1, 0];
      await this.#bring(file, report, async (bytes) => {
        if (file !== this.tokenizer) return this.loader.push(index, bytes);
        const { loader } = this;
        this.loader = null; // finish consumes it, whether it succeeds or not
        session = loader.finish(bytes);
      });
      this.#abort.signal.throwIfAborted();
      before += file.bytes;
    }
    await this.#tidy();
    return session;
  }

  /**
   * One file into the program, once more from the server if the copy at hand is damaged.
   * @param {PackFile} file
   * @param {(loaded: number) => void} report
   * @param {(bytes: Uint8Array) => Promise<void>} use
   */
  async #bring(file, report, use) {
    const cache = await storage();
    const address = this.#addressOf(file);
    for (const mode of /** @type {RequestCache[]} */ (['no-cache', 'reload'])) {
      const again = mode === 'reload';
      const stored = again ? undefined : await cache?.match(address).catch(() => undefined);
      try {
        const bytes = await this.#read(stored ?? (await this.#fetch(file, mode)), file, report);
        await use(bytes);
        // Where the storage is full or forbidden the file is fetched again next time.
        if (!stored) await cache?.put(address, new Response(bytes)).catch(() => {});
        return;
      } catch (error) {
        if (again || !DAMAGED.has(/** @type {any} */ (error)?.code)) throw error;
        await cache?.delete(address).catch(() => {});
        if (!this.loader) throw error; // finish has consumed it; the next load fetches the file anew
      }
    }
  }

  /** @param {PackFile} file @param {RequestCache} cache */
  #fetch(file, cache) {
    return request(this.folder, file.path, { cache, signal: this.#abort.signal });
  }

  /**
   * The body of a response. It stops one byte beyond the size in the manifest, so that a wrong file cannot fill the memory.
   * @param {Response} response
   * @param {PackFile} file
   * @param {(loaded: number) => void} report
   */
  async #read(response, file, report) {
    const bytes = new Uint8Array(file.bytes + 1);
    let length = 0;
    const reader = response.body?.getReader();
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        this.#abort.signal.throwIfAborted();
        if (done || !value) break;
        const part = value.subarray(0, bytes.length - length);
        bytes.set(part, length);
        length += part.length;
        report(Math.min(length, file.bytes));
        if (length > file.bytes) break;
      }
    } catch (error) {
      throw interrupted(error, file.path);
    } finally {
      void reader?.cancel().catch(() => {});
    }
    return bytes.subarray(0, length);
  }

  /** Removes what an earlier pack left in the storage. */
  async #tidy() {
    const cache = await storage();
    const wanted = new Set(this.files.map(this.#addressOf));
    for (const key of await keysOf(cache)) {
      if (!wanted.has(key.url)) await cache?.delete(key).catch(() => {}); // nothing depends on it
    }
  }
}

/** @param {string} folder @param {string} path below it @param {RequestInit} options */
async function request(folder, path, options) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(new URL(path, folder), options);
  } catch (error) {
    throw interrupted(error, path);
  }
  if (!response.ok)
    throw { code: 'pack-missing', subject: path, detail: { status: response.status } };
  return response;
}

/** @param {unknown} error @param {string} path */
function interrupted(error, path) {
  if (/** @type {any} */ (error)?.name === 'AbortError') return error;
  return { code: 'download-interrupted', subject: path, detail: {} };
}
