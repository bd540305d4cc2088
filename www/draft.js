/** The board across reloads: a draft in the browser's storage, where the visitor lets it be. It is a help only: where the storage is
 * full or forbidden, nothing is kept and all else goes on. */
import { byId } from './dom.js';
import { outlineOf, supportOf } from './episode.js';
import { asFailure } from './engine.js';

const CACHE = 'link-context draft';
/** In `localStorage`, where the visitor does not want it. */
const UNWANTED = 'link-context-no-draft';
/** How long nothing must have changed, in milliseconds. */
const PAUSE = 1000;

const address = new URL('draft.lcl.json', document.baseURI).href;

/** What makes a board another than it was. @param {Episode} episode */
const outline = (episode) =>
  JSON.stringify([outlineOf(episode).concepts, episode.queries.map(({ key }) => key)]);

/** @param {import('./engine.js').Engine} engine @param {import('./episode.js').Store} store
 * @param {ReturnType<typeof import('./files.js').createFiles>} files */
export function createDraft(engine, store, files) {
  const box = byId('draft-keep', HTMLInputElement);
  /** What can be had again by a press: a ready episode as it was opened. */
  let ready = '';
  /** Whether there is a draft that could not be read for want of the program: the page did not show it, so it may not replace it. */
  let unread = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const forget = async () => void (await caches.delete(CACHE));

  async function keep() {
    const { episode } = store;
    if (unread && outline(episode) === ready) return;
    unread = false;
    const named = episode.concepts.some(({ name }) => name);
    const empty = !named && supportOf(episode).length + episode.queries.length === 0;
    if (!box.checked || empty || outline(episode) === ready) return forget();
    const file = await engine.saveEpisode(files.board());
    await (await caches.open(CACHE)).put(address, new Response(file));
  }

  /** Keeps the board when nothing has changed for a moment. */
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(() => void keep().catch(() => {}), PAUSE);
  }

  try {
    box.checked = !localStorage.getItem(UNWANTED);
  } catch {
    box.checked = false; // forbidden, as the rest of the storage
  }
  box.addEventListener('change', () => {
    if (box.checked) localStorage.removeItem(UNWANTED);
    else localStorage.setItem(UNWANTED, 'yes');
    soon();
  });
  store.addEventListener('change', soon);

  return {
    soon,

    /** Notes that the board shows a ready episode. */
    isReady() {
      ready = outline(store.episode);
    },

    /** Puts the draft on the board, if there is one that can be read. @returns {Promise<boolean>} whether there was */
    async open() {
      try {
        const kept = box.checked && (await caches.match(address, { cacheName: CACHE }));
        if (!kept) return false;
        await files.open(await kept.blob());
        return true;
      } catch (thrown) {
        // A draft that is no episode is of no use; one that could not be read for want of the program may be next time.
        unread = !asFailure(thrown).code.startsWith('episode-');
        if (!unread) await forget().catch(() => {});
        return false;
      }
    },
  };
}
