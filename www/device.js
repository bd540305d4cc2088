/**
 * The choice of the device, and which one it came to and why.
 */
import { byId } from './dom.js';
import { hasText, text } from './texts.js';

/** @param {string} kind @param {string} name empty where the browser hides it */
const named = (kind, name) => (name ? text('device-named', { kind, name }) : kind);

/** @param {Device} device in a few words */
export const deviceText = ({ kind, name }) => named(text(`device-${kind}-short`), name);

/** @param {(preference: string) => void} choose */
export function createDevice(choose) {
  const select = byId('device-select', HTMLSelectElement);
  const is = byId('device-is', HTMLElement);
  /** @type {Device | null} */
  let shown = null;
  select.addEventListener('change', () => choose(select.value));

  return {
    get preference() {
      return select.value;
    },

    /** @param {boolean} free */
    setFree(free) {
      select.disabled = !free;
    },

    /** @param {Device | null} [device] null while nothing is known of it; without one, the last again */
    show(device = shown) {
      shown = device;
      is.textContent = '';
      if (!device) return;
      const { kind, name, reason } = device;
      const special = `reason-${reason}-${select.value}`;
      const why = text(hasText(special) ? special : `reason-${reason}`);
      is.textContent = `${named(text(`device-is-${kind}`), name)}. ${why}`;
    },
  };
}
