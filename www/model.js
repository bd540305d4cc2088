/**
 * The model's life on this page: what there is to load, on which device, loading it, losing it.
 */
import { createDevice, deviceText } from './device.js';
import { byId } from './dom.js';
import { createDownload } from './download.js';
import { asFailure, failure } from './engine.js';
import { clearMessage } from './messages.js';
import { text } from './texts.js';

/**
 * @param {import('./engine.js').Engine} engine
 * @param {(thrown: unknown) => void} tell of a failure
 */
export function createModel(engine, tell) {
  /** @type {Promise<void> | null} */
  let opening = null;
  /** @type {Promise<void> | null} */
  let loading = null;
  let asking = false;
  let loadedOn = '';

  const device = createDevice(() => {
    clearMessage();
    if (download.state === 'loaded') engine.end(failure('cancelled'));
    else void open().catch(tell);
  });
  const download = createDownload({
    load() {
      clearMessage();
      void load().catch(tell);
    },
    cancel: () => engine.tell('cancel'),
  });

  /** Asks the worker what there is to load and where it would run. */
  function open() {
    opening = (async () => {
      const { preference } = device;
      device.show(null);
      download.enter('checking');
      try {
        const opened = await engine.request('open', { preference });
        if (device.preference !== preference) return; // changed meanwhile
        device.show(opened.device);
        download.waiting(opened);
      } catch (thrown) {
        if (device.preference !== preference) return;
        download.enter('unavailable');
        throw thrown;
      }
    })();
    return opening;
  }

  /** Brings the model here, if it is not here or on its way. */
  async function load() {
    if (download.state === 'loaded') return;
    loading ??= bring().finally(() => {
      loading = null;
      freeDevice();
    });
    freeDevice();
    return loading;
  }

  async function bring() {
    await (download.state === 'unavailable' ? open() : (opening ?? open()));
    const { preference } = device;
    download.enter('loading');
    try {
      const loaded = await engine.request('load', { preference }, (event) => {
        download.setProgress(event.loaded, event.total);
      });
      device.show(loaded.device);
      loadedOn = deviceText(loaded.device);
      download.enter('loaded');
    } catch (thrown) {
      await open().catch(() => {}); // the first failure is the one to tell
      if (asFailure(thrown).code === 'cancelled') download.say(text('model-cancelled'));
      throw thrown;
    }
  }

  /** The device can be chosen while nothing runs on it. */
  function freeDevice() {
    device.setFree(!asking && !loading);
  }

  engine.addEventListener('lost', () => {
    if (download.state === 'loaded') void open().catch(tell);
  });

  return {
    panel: byId('model', HTMLElement),
    load,

    /** Begins with what there is to load. */
    start() {
      if (typeof WebAssembly !== 'object') tell(failure('wasm-missing'));
      else if (!opening) void open().catch(tell);
    },

    /** Says the same in another language. */
    rename() {
      device.show();
      if (download.state !== 'loading') download.enter(download.state);
    },

    /** The device of the loaded model, in words. */
    get loadedOn() {
      return loadedOn;
    },

    /** @param {boolean} is whether a question is under way */
    setAsking(is) {
      asking = is;
      freeDevice();
    },
  };
}
