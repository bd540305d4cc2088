/** An episode that the page's own address names: `?episode=` and the address of a file. From another origin nothing is fetched before
 * the visitor has agreed, and then by fetch.html, which holds nothing that could leave: the page itself may connect to its own origin
 * only. */
import { byId } from './dom.js';
import { failure } from './engine.js';
import { text } from './texts.js';

/** How the fragment of an address begins that holds an episode, as `FRAGMENT` in src/share/link.rs. */
export const FRAGMENT = 'episode=';

/** The file that the page's address names. @returns {URL | null} */
export function hosted() {
  const given = new URLSearchParams(location.search).get('episode');
  if (!given) return null;
  const address = URL.canParse(given, document.baseURI) ? new URL(given, document.baseURI) : null;
  if (!address?.protocol.startsWith('http')) throw failure('episode-address', given);
  return address;
}

/** Whether the visitor lets something be fetched from another origin. @param {URL} address @returns {Promise<boolean>} */
function allowed({ host, href }) {
  const dialog = byId('consent-dialog', HTMLDialogElement);
  byId('consent-lead', HTMLElement).textContent = text('consent-lead', { host });
  byId('consent-address', HTMLElement).textContent = href;
  dialog.returnValue = '';
  dialog.showModal();
  for (const answer of ['yes', 'no']) {
    byId(`consent-${answer}`, HTMLButtonElement).onclick = () => dialog.close(answer);
  }
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  });
}

/** @param {URL} address of another origin @returns {Promise<Blob | null>} */
async function throughFrame(address) {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.src = new URL('fetch.html', document.baseURI).href;
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  document.body.append(frame);
  await loaded;
  const { port1, port2 } = new MessageChannel();
  const file = await new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    frame.contentWindow?.postMessage(address.href, location.origin, [port2]);
  });
  frame.remove();
  return file;
}

/** @param {URL} address @returns {Promise<Blob | null>} null where it failed */
const fromHere = (address) =>
  fetch(address)
    .then((response) => (response.ok ? response.blob() : null))
    .catch(() => null);

/** @param {URL} address @returns {Promise<Blob | null>} null where the visitor did not want it */
export async function fetched(address) {
  const here = address.origin === location.origin;
  if (!here && !(await allowed(address))) return null;
  const file = await (here ? fromHere(address) : throughFrame(address));
  if (!file) throw failure('episode-missing', address.href);
  return file;
}
