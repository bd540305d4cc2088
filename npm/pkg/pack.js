/**
 * The weights' way from the server, or from the browser's storage, into the program. Runs in the worker.
 *
 * Each file is checked against its hash by the program, so a cancelled or broken download goes on where it was, byte by byte, and a new pack
 * never meets an old file. Whoever brings a file holds its lock: two pages do not fetch it twice.
 */
import { forget, keep, keepPart, keptManifest, keptOf, keptPacks } from './store.js';
import { listPack, removePack, stored } from './store.js';

/** @import { PackFile } from './messages.js' */

/** Codes of a file that is not what the manifest says: the copy may be an old one, so the server is asked once more. */
const DAMAGED = new Set(['pack-shard-truncated', 'pack-shard-corrupt']);

/** Progress is told at most this often, in milliseconds. */
const PACE = 100;

/** One page after the other, where the browser has locks. @param {PackFile} file @param {AbortSignal} signal @param {() => Promise<void>} work */
async function locked({ sha256 }, signal, work) {
  if (!navigator.locks) return work();
  await navigator.locks.request(`link-context ${sha256}`, { signal }, work);
}

export class Pack {
  /** Whether a load was begun with it: the loader then holds a part of the weights and cannot begin again. */
  used = false;
  /** The request that loads it. @type {number | null} */
  loading = null;
  #abort = new AbortController();

  /** @param {any} loader @param {string} folder its address @param {string} preference @param {string} manifest */
  constructor(loader, folder, preference, manifest) {
    this.loader = loader;
    this.folder = folder;
    this.manifest = manifest;
    this.preference = preference;
    this.hash = loader.pack();
    this.device = loader.device();
    /** @type {{ shards: PackFile[], tokenizer: PackFile, total_bytes: number }} */
    const { shards, tokenizer, total_bytes } = loader.files();
    this.files = [...shards, tokenizer];
    this.tokenizer = tokenizer;
    this.bytes = total_bytes;
  }

  /**
   * Fetches the manifest, or takes the one that is kept where there is no network, and lets the program choose the device.
   * @param {any} Loader `PackLoader` of the program
   * @param {string} folder its address
   * @param {string} preference
   */
  static async open(Loader, folder, preference) {
    /** @type {string} */
    let text;
    try {
      text = await (await request(folder, 'manifest.json', { cache: 'no-cache' })).text();
    } catch (error) {
      const kept = /** @type {any} */ (error).code === 'download-interrupted';
      const manifest = kept ? await keptManifest(folder) : null;
      if (!manifest) throw error;
      text = manifest;
    }
    const loader = await Loader.open(text, preference);
    return new Pack(loader, folder, preference, text);
  }

  /** The bytes that this browser already has. */
  kept() {
    return keptOf(this.files);
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
    // Where it fails, so will what it rehearses, and that is told.
    const rehearsed = Promise.resolve(this.loader.rehearsal()?.run()).catch(() => {});
    await listPack(this.hash, this.folder, this.manifest, this.files);
    let [before, told, part] = [0, 0, 0];
    const report = (/** @type {number} */ loaded) => {
      if (performance.now() - told < PACE && before + loaded < this.bytes) return;
      told = performance.now();
      tell(before + loaded, part);
    };
    let session = null;
    for (const [index, file] of this.files.entries()) {
      [part, told] = [index + 1, 0];
      const use = async (/** @type {Uint8Array} */ bytes) => {
        if (file !== this.tokenizer) return this.loader.push(index, bytes);
        const { loader } = this;
        this.loader = null; // finish consumes it, whether it succeeds or not
        session = loader.finish(bytes);
      };
      await locked(file, this.#abort.signal, () => this.#bring(file, report, use));
      this.#abort.signal.throwIfAborted();
      before += file.bytes;
    }
    await this.#tidy();
    await rehearsed;
    return session;
  }

  /**
   * One file into the program, once more from the server if the copy at hand is damaged.
   * @param {PackFile} file
   * @param {(loaded: number) => void} report
   * @param {(bytes: Uint8Array) => Promise<void>} use
   */
  async #bring(file, report, use) {
    for (const again of [false, true]) {
      const { bytes: whole, start } = again ? { bytes: null, start: null } : await stored(file);
      if (whole) report(whole.length);
      try {
        const bytes = whole ?? (await this.#fetch(file, start, again, report));
        await use(bytes);
        if (!whole) await keep(file, bytes);
        return;
      } catch (error) {
        if (again || !DAMAGED.has(/** @type {any} */ (error)?.code)) throw error;
        await forget(file);
        if (!this.loader) throw error; // finish has consumed it; the next load fetches the file anew
      }
    }
  }

  /**
   * A file from the server, from where an earlier download of it stopped. It stops one byte beyond the size in the manifest, so that a wrong
   * file cannot fill the memory; what has come when it breaks off is kept.
   * @param {PackFile} file
   * @param {Uint8Array | null} start
   * @param {boolean} again past every cache
   * @param {(loaded: number) => void} report
   */
  async #fetch(file, start, again, report) {
    const bytes = new Uint8Array(file.bytes + 1);
    const { signal } = this.#abort;
    let length = start && start.length < file.bytes ? start.length : 0;
    // What a part belongs to is known by its hash, so no cache has to be asked about it.
    const headers = length > 0 ? { range: `bytes=${length}-` } : undefined;
    const cache = again ? 'reload' : length > 0 ? 'no-store' : 'no-cache';
    const response = await request(this.folder, file.path, { cache, signal, headers });
    if (response.status !== 206)
      length = 0; // a server that knows no ranges
    else if (start) bytes.set(start.subarray(0, length));
    const reader = response.body?.getReader();
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        signal.throwIfAborted();
        if (done || !value) break;
        const part = value.subarray(0, bytes.length - length);
        bytes.set(part, length);
        length += part.length;
        report(Math.min(length, file.bytes));
        if (length > file.bytes) break;
      }
    } catch (error) {
      if (length < file.bytes) await keepPart(file, bytes.subarray(0, length));
      throw interrupted(error, file.path);
    } finally {
      void reader?.cancel().catch(() => {});
    }
    return bytes.subarray(0, length);
  }

  /** Removes what an earlier pack of the same folder left in the storage. */
  async #tidy() {
    for (const { pack, address } of await keptPacks()) {
      if (address === this.folder && pack !== this.hash) await removePack(pack);
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
