/** The episode on the board as a link, with its length, a QR code where it fits one, and what to do with it; and episodes that come by
 * link. */
import { byId } from './dom.js';
import { asFailure, failure } from './engine.js';
import { FRAGMENT, fetched, hosted } from './arriving.js';
import { text } from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Up to so many characters a link goes through what the text of the same name says. */
const ROADS = { anywhere: 2900, most: 8000, browsers: 32000 };

/** @param {{ size: number, path: string }} qr */
function drawing({ size, path }) {
  const code = document.createElementNS(SVG, 'path');
  code.setAttribute('d', path);
  const image = document.createElementNS(SVG, 'svg');
  image.setAttribute('viewBox', `0 0 ${size} ${size}`);
  image.setAttribute('role', 'img');
  image.setAttribute('aria-label', text('share-qr'));
  image.append(code);
  return image;
}

/** @param {import('./engine.js').Engine} engine @param {ReturnType<typeof import('./files.js').createFiles>} files
 * @param {(thrown: unknown) => void} tell of a failure */
export function createShare(engine, files, tell) {
  const dialog = byId('share-dialog', HTMLDialogElement);
  const road = byId('share-road', HTMLSelectElement);
  const address = byId('share-link', HTMLInputElement);
  const meter = byId('share-meter', HTMLMeterElement);
  const about = byId('share-about', HTMLElement);
  const code = byId('share-code', HTMLElement);
  const [copy, send] = ['share-copy', 'share-send'].map((id) => byId(id, HTMLButtonElement));
  let turn = 0;

  /** What to put into another page. @param {string} page @param {string} fragment */
  function embed(page, fragment) {
    const frame = `<iframe src="${page}embed.html#${fragment}" title="link-context" width="640" height="420"></iframe>`;
    const script = '<script type="module" src="pkg/element.js"></script>';
    const element = `<link-context-episode pack="pack/" episode="${fragment}"></link-context-episode>`;
    byId('embed-frame', HTMLTextAreaElement).value = frame;
    byId('embed-element', HTMLTextAreaElement).value = `${script}\n${element}`;
  }

  async function make() {
    const mine = ++turn;
    const limit = ROADS[/** @type {keyof typeof ROADS} */ (road.value)];
    const page = new URL('.', document.baseURI).href;
    about.textContent = text('share-making');
    code.replaceChildren();
    address.value = '';
    copy.disabled = send.disabled = true;
    try {
      const link = await engine.linkEpisode(files.board(), { address: page, limit });
      if (mine !== turn) return; // another was asked for since
      address.value = `${page}#${link.fragment}`;
      const { length } = address.value;
      [meter.max, meter.value] = [limit, length];
      const size = text(link.lossless ? 'share-lossless' : 'share-size', { size: link.size });
      const kind = Object.entries(ROADS).find(([, most]) => length <= most)?.[0];
      about.textContent = `${text('share-length', { length })} ${text(`share-${kind}`)} ${size}`;
      if (link.qr) code.append(drawing(link.qr));
      embed(page, link.fragment);
      copy.disabled = send.disabled = false;
    } catch (thrown) {
      if (mine !== turn) return;
      const { code: why, detail } = asFailure(thrown);
      if (why !== 'episode-link-long') throw thrown;
      [meter.max, meter.value] = [limit, limit];
      about.textContent = text('error-episode-link-long', detail);
    }
  }

  function open() {
    dialog.showModal();
    void make().catch(fail);
  }
  road.addEventListener('change', () => void make().catch(fail));
  byId('share-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  /** @param {HTMLInputElement | HTMLTextAreaElement} field */
  async function copied(field) {
    field.select();
    await navigator.clipboard.writeText(field.value).catch(() => document.execCommand('copy'));
    about.textContent = text('share-copied');
  }
  copy.addEventListener('click', () => void copied(address));
  for (const button of byId('share-embed', HTMLElement).querySelectorAll('button')) {
    const field = byId(button.value, HTMLTextAreaElement);
    button.addEventListener('click', () => void copied(field));
  }
  send.hidden = !navigator.share;
  send.addEventListener('click', () => {
    // A sheet that is closed again is no failure.
    void navigator.share({ title: text('title'), url: address.value }).catch(() => {});
  });

  /** @param {unknown} thrown */
  function fail(thrown) {
    dialog.close();
    tell(thrown);
  }

  /** The episode in the address, if there is one. @returns {Promise<boolean>} whether there was */
  async function arrive() {
    const fragment = location.hash.slice(1);
    if (fragment.startsWith(FRAGMENT)) {
      await files.open(fragment);
      return true;
    }
    const elsewhere = hosted();
    if (!elsewhere) return false;
    const file = await fetched(elsewhere);
    if (!file) return false;
    await files.open(file).catch((thrown) => {
      const { code: why, detail } = asFailure(thrown);
      throw { ...failure(why, elsewhere.href), detail };
    });
    return true;
  }
  return { arrive, open };
}
