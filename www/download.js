/**
 * The model's way to this browser: its size before anything is loaded, the progress, and how to end it.
 */
import { byId } from './dom.js';
import { duration, size, text } from './texts.js';

/**
 * @typedef {'checking' | 'waiting' | 'loading' | 'loaded' | 'unavailable'} State
 */

/**
 * @param {object} actions
 * @param {() => void} actions.load pressed
 * @param {() => void} actions.cancel pressed
 */
export function createDownload(actions) {
  const panel = byId('model-state', HTMLElement);
  const progress = byId('progress', HTMLProgressElement);
  const load = byId('load', HTMLButtonElement);
  const cancel = byId('cancel', HTMLButtonElement);
  const hint = byId('ask-hint', HTMLElement);
  /** @type {State} */
  let state = 'checking';
  let bytes = 0;
  let kept = 0;
  let since = 0;

  load.addEventListener('click', actions.load);
  cancel.addEventListener('click', () => {
    actions.cancel();
    load.focus();
  });

  function stateText() {
    const values = { size: size(bytes), kept: size(kept) };
    switch (state) {
      case 'checking':
        return text('model-checking');
      case 'waiting':
        if (kept >= bytes) return text('model-cached', values);
        return text(kept > 0 ? 'model-partly' : 'model-size', values);
      case 'loading':
        return '';
      case 'loaded':
        return text('model-loaded', values);
      case 'unavailable':
        return text('model-unavailable');
    }
  }

  function hintText() {
    if (state === 'loading') return text('ask-hint-loading');
    if (state !== 'waiting') return '';
    return text(kept >= bytes ? 'ask-hint-cached' : 'ask-hint-load', { size: size(bytes) });
  }

  /** @param {State} next */
  function enter(next) {
    const focused = document.activeElement === load || document.activeElement === cancel;
    state = next;
    panel.textContent = stateText();
    hint.textContent = hintText();
    const loading = state === 'loading';
    load.hidden = loading || state === 'loaded';
    load.disabled = state === 'checking';
    load.textContent = text(state === 'unavailable' ? 'model-again' : 'model-load');
    cancel.hidden = !loading;
    progress.hidden = !loading;
    if (loading) progress.removeAttribute('value');
    since = performance.now();
    if (focused) (loading ? cancel : load).focus();
  }
  enter('checking');

  return {
    get state() {
      return state;
    },
    enter,

    /** @param {{ bytes: number, kept: number }} opened */
    waiting(opened) {
      ({ bytes, kept } = opened);
      enter('waiting');
    },

    /** @param {number} loaded @param {number} total */
    setProgress(loaded, total) {
      if (state !== 'loading') return;
      progress.max = total;
      progress.value = loaded;
      const left = ((performance.now() - since) / loaded) * (total - loaded);
      const values = { loaded: size(loaded), total: size(total) };
      const seconds = Math.ceil(left / 1000) * 1000;
      panel.textContent = text('model-loading', { ...values, left: duration(seconds) });
    },

    /** Adds what happened to what is shown. @param {string} why */
    say(why) {
      panel.textContent = `${why} ${stateText()}`;
    },
  };
}
