/**
 * The packs that this browser keeps: in the origin private file system, each file under its SHA-256. Runs in the worker.
 *
 * A file that is not whole yet has the ending `.part`, so a download that broke goes on where it stopped. Beside the files lies one list a
 * pack. The storage is a help only: where it is full or forbidden, nothing is kept and all else goes on.
 */

/** @import { PackFile } from './messages.js' */
/** @import { KeptPack } from './types.js' */

const FOLDER = 'link-context';
const LIST = '.pack.json';
const PART = '.part';

/** Runs what only helps: null where it fails. @template T @param {() => Promise<T>} work @returns {Promise<T | null>} */
const helpful = (work) => work().catch(() => null);

/** @param {{ create: boolean }} options */
async function folder(options) {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, options);
}

/** Length of every file by its name. @returns {Promise<Map<string, number>>} */
async function lengths() {
  const found = new Map();
  await helpful(async () => {
    for await (const handle of (await folder({ create: false })).values()) {
      if (handle instanceof FileSystemFileHandle) {
        found.set(handle.name, (await handle.getFile()).size);
      }
    }
  });
  return found;
}

/** @param {string} name @returns {Promise<Uint8Array | null>} */
const read = (name) =>
  helpful(async () => {
    const file = await (await folder({ create: false })).getFileHandle(name);
    return new Uint8Array(await (await file.getFile()).arrayBuffer());
  });

/** @param {string} name */
const remove = (name) => helpful(async () => (await folder({ create: false })).removeEntry(name));

/** Writes bytes at a place of a file, which ends there. @param {string} name @param {Uint8Array} bytes @param {number} [at] */
const write = (name, bytes, at = 0) =>
  helpful(async () => {
    const handle = await (await folder({ create: true })).getFileHandle(name, { create: true });
    // Of this interface TypeScript knows only where the whole program is a worker.
    const access = await /** @type {any} */ (handle).createSyncAccessHandle();
    try {
      access.truncate(at);
      access.write(bytes, { at });
      access.flush();
      return true;
    } finally {
      access.close();
    }
  });

/** The file, where it is whole; `start` of it, where a download broke. @param {PackFile} file */
export async function stored({ sha256 }) {
  const bytes = await read(sha256);
  return bytes ? { bytes, start: null } : { bytes: null, start: await read(sha256 + PART) };
}

/** Keeps the first bytes of a file that broke off. @param {PackFile} file @param {Uint8Array} bytes */
export const keepPart = ({ sha256 }, bytes) => write(sha256 + PART, bytes);

/** Keeps a file that the program has found to be right. @param {PackFile} file @param {Uint8Array} bytes */
export async function keep({ sha256 }, bytes) {
  if (!(await write(sha256, bytes))) await remove(sha256);
  await remove(sha256 + PART);
}

/** @param {PackFile} file */
export async function forget({ sha256 }) {
  await remove(sha256);
  await remove(sha256 + PART);
}

/** Of these files, how many bytes are kept. @param {PackFile[]} files */
export async function keptOf(files) {
  const found = await lengths();
  const kept = (/** @type {PackFile} */ { sha256, bytes }) =>
    found.has(sha256) ? bytes : Math.min(found.get(sha256 + PART) ?? 0, bytes);
  return files.reduce((sum, file) => sum + kept(file), 0);
}

/** @param {string} pack its hash @param {string} address of its folder @param {string} manifest @param {PackFile[]} files */
export async function listPack(pack, address, manifest, files) {
  const list = JSON.stringify({ address, manifest, files });
  await write(pack + LIST, new TextEncoder().encode(list));
}

/** @returns {Promise<{ pack: string, address: string, manifest: string, files: PackFile[] }[]>} */
async function lists() {
  const found = [];
  for (const name of (await lengths()).keys()) {
    if (!name.endsWith(LIST)) continue;
    const bytes = await read(name);
    const list = await helpful(async () =>
      JSON.parse(new TextDecoder().decode(bytes ?? undefined)),
    );
    if (list) found.push({ ...list, pack: name.slice(0, -LIST.length) });
  }
  return found;
}

/** The manifest that was last fetched from an address, for when there is no network. @param {string} address */
export const keptManifest = async (address) =>
  (await lists()).find((list) => list.address === address)?.manifest ?? null;

/** What is kept. @returns {Promise<KeptPack[]>} */
export async function keptPacks() {
  const found = [];
  for (const { pack, address, files } of await lists()) {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    found.push({ pack, address, bytes, kept: await keptOf(files) });
  }
  return found;
}

/** Removes a pack, but for the files that another one has too. @param {string} pack */
export async function removePack(pack) {
  await remove(pack + LIST);
  const wanted = new Set((await lists()).flatMap(({ files }) => files.map((of) => of.sha256)));
  for (const name of (await lengths()).keys()) {
    const [hash] = name.split('.');
    if (!name.endsWith(LIST) && !wanted.has(hash)) await remove(name);
  }
}
