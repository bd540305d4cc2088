/** The packs that this browser keeps, with their sizes, each to be removed. */
import { byId, make } from './dom.js';
import { size, text } from './texts.js';

/** @param {import('./engine.js').Engine} engine @param {(thrown: unknown) => void} tell of a failure */
export function createPacks(engine, tell) {
  const list = byId('packs', HTMLElement);
  /** @type {import('./pkg/types.js').KeptPack[]} */
  let packs = [];

  function render() {
    list.replaceChildren(
      ...packs.map(({ pack, bytes, kept }) => {
        const values = { pack: pack.slice(0, 12), size: size(bytes), kept: size(kept) };
        const item = make('li', text(kept < bytes ? 'pack-partly' : 'pack-whole', values));
        const button = make('button', text('pack-remove'), 'link');
        button.type = 'button';
        button.dataset.testid = 'pack-remove';
        button.ariaLabel = text('pack-remove-which', values);
        button.addEventListener('click', () => void remove(pack).catch(tell));
        item.append(' ', button);
        return item;
      }),
    );
  }

  /** @param {string} pack */
  async function remove(pack) {
    await engine.removePack(pack);
    await refresh();
  }

  async function refresh() {
    packs = await engine.packs();
    render();
  }

  return { render, refresh: () => void refresh().catch(tell) };
}
