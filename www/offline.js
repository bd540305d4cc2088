/** Keeps the page for when there is no network. Part of the site that `cargo xtask dist` writes. */
import './trusted.js';

// Where it is forbidden (a private window, an address without https) the page works as before, with a network.
navigator.serviceWorker?.register('sw.js', { updateViaCache: 'none' }).catch(() => {});
