/** The model's way to this browser: its size before anything is loaded, the device, the progress, how to end it, and losing it. */
import { byId } from './dom.js';
import { asFailure, failure } from './engine.js';
import { clearMessage } from './messages.js';
import { createPacks } from './packs.js';
import { duration, hasText, size, text } from './texts.js';

/** @param {string} kind @param {string} name empty where the browser hides it */
const named = (kind, name) => (name ? text('device-named', { kind, name }) : kind);

/** @param {import('./engine.js').Engine} engine @param {(thrown: unknown) => void} tell of a failure */
export function createModel(engine, tell) {
  const panel = byId('model-state', HTMLElement);
  const progress = byId('progress', HTMLProgressElement);
  const [loadButton, cancelButton] = ['load', 'cancel'].map((id) => byId(id, HTMLButtonElement));
  const hint = byId('ask-hint', HTMLElement);
  const select = byId('device-select', HTMLSelectElement);
  const deviceIs = byId('device-is', HTMLElement);

  /** @type {Promise<void> | null} */
  let opening = null;
  const packs = createPacks(engine, tell);
  /** @type {Promise<void> | null} */
  let loading = null;
  let stop = new AbortController();
  let asking = false;
  /** @type {'checking' | 'waiting' | 'loading' | 'loaded' | 'unavailable'} */
  let state = 'checking';
  /** @type {Device | null} null while nothing is known of it */
  let device = null;
  let [bytes, kept, loaded, since] = [0, 0, 0, 0];
  let [part, parts] = [0, 0]; // the file that is coming, and of how many
  /** @type {{ program: string, pack: string } | null} */
  let versions = null;

  const chosen = () => /** @type {'auto' | 'webgpu' | 'cpu'} */ (select.value);

  function stateText() {
    const values = { size: size(bytes), kept: size(kept), loaded: size(loaded) };
    if (state === 'waiting') {
      if (kept >= bytes) return text('model-cached', values);
      return text(kept > 0 ? 'model-partly' : 'model-size', values);
    }
    if (state !== 'loading') return text(`model-${state}`, values);
    if (loaded === 0) return '';
    const left = ((performance.now() - since) / loaded) * (bytes - loaded);
    const seconds = Math.ceil(left / 1000) * 1000;
    const more = { total: size(bytes), left: duration(seconds), part, parts };
    return text('model-loading', { ...values, ...more });
  }

  function hintText() {
    if (state === 'loading') return text('ask-hint-loading');
    if (state !== 'waiting') return '';
    return text(kept >= bytes ? 'ask-hint-cached' : 'ask-hint-load', { size: size(bytes) });
  }

  function deviceIsText() {
    if (!device) return '';
    const { kind, name, reason } = device;
    const special = `reason-${reason}-${select.value}`;
    const why = text(hasText(special) ? special : `reason-${reason}`);
    return `${named(text(`device-is-${kind}`), name)}. ${why}`;
  }

  /** Shows what is known. @param {string} [why] what happened */
  function render(why = '') {
    const focused = [loadButton, cancelButton].some((button) => button === document.activeElement);
    const underway = state === 'loading';
    panel.textContent = `${why} ${stateText()}`.trim();
    hint.textContent = hintText();
    deviceIs.textContent = deviceIsText();
    select.disabled = asking || Boolean(loading); // it can be chosen while nothing runs on it
    loadButton.hidden = underway || state === 'loaded';
    loadButton.textContent = text(state === 'unavailable' ? 'model-again' : 'model-load');
    cancelButton.hidden = progress.hidden = !underway;
    if (loaded > 0) [progress.max, progress.value] = [bytes, loaded];
    else progress.removeAttribute('value');
    byId('versions', HTMLElement).textContent = versions ? text('about-versions', versions) : '';
    if (focused) (underway ? cancelButton : loadButton).focus();
  }

  /** Asks the worker what there is to load and where it would run. */
  function open() {
    opening = (async () => {
      const preference = chosen();
      [state, device] = ['checking', null];
      render();
      try {
        const opened = await engine.open({ device: preference });
        if (select.value !== preference) return; // changed meanwhile
        ({ device, bytes, kept, versions } = opened);
        state = 'waiting';
        packs.refresh();
      } catch (thrown) {
        if (select.value !== preference) return;
        state = 'unavailable';
        throw thrown;
      } finally {
        render();
      }
    })();
    return opening;
  }

  /** Brings the model here, if it is not here or on its way. */
  async function load() {
    if (state === 'loaded') return;
    loading ??= bring();
    return loading;
  }

  async function bring() {
    await (state === 'unavailable' ? open() : (opening ?? open()));
    [state, loaded, since] = ['loading', 0, performance.now()];
    render();
    let why = '';
    try {
      stop = new AbortController();
      const onProgress = (/** @type {Progress} */ progress) => {
        ({ loaded, part, parts } = progress);
        render();
      };
      const given = await engine.load({ device: chosen(), signal: stop.signal, onProgress });
      [state, device] = ['loaded', given.device];
      packs.refresh();
    } catch (thrown) {
      await open().catch(() => {}); // the first failure is the one to tell
      if (asFailure(thrown).code === 'cancelled') why = text('model-cancelled');
      throw thrown;
    } finally {
      loading = null;
      render(why);
    }
  }

  select.addEventListener('change', () => {
    clearMessage();
    const loaded = state === 'loaded';
    state = 'checking';
    if (loaded) engine.close();
    void open().catch(tell);
  });
  loadButton.addEventListener('click', () => {
    clearMessage();
    void load().catch(tell);
  });
  cancelButton.addEventListener('click', () => stop.abort());
  engine.addEventListener('lost', () => {
    // Whoever asked for something tells why it was lost, and that stays to be read.
    if (state === 'loaded') void open().catch(() => {});
  });
  render();

  return {
    panel: byId('model', HTMLElement),
    load,

    /** Ends the loading, if there is one. */
    cancel: () => stop.abort(),

    /** Begins with what there is to load. */
    start() {
      if (typeof WebAssembly !== 'object') tell(failure('wasm-missing'));
      else if (!opening) void open().catch(tell);
    },

    /** Says the same in another language. */
    rename() {
      render();
      packs.render();
    },

    /** How a device is chosen and something done then; null where it runs on that already. @param {'cpu'} kind @param {() => void} then */
    choose(kind, then) {
      if (device?.kind === kind) return null;
      return () => {
        select.value = kind;
        select.dispatchEvent(new Event('change'));
        then();
      };
    },

    /** For a report: what runs, and on what. */
    get about() {
      const { program = '', pack = '' } = versions ?? {};
      return { program, pack, device: device ? `${device.kind} ${device.name}`.trim() : '' };
    },

    /** The device of the loaded model, in words. */
    get loadedOn() {
      return device ? named(text(`device-${device.kind}-short`), device.name) : '';
    },

    /** @param {boolean} is whether a question is under way */
    setAsking(is) {
      asking = is;
      render();
    },
  };
}
