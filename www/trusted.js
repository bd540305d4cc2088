/** Where the browser has Trusted Types, a text becomes code nowhere on this page: the content security policy forbids it, and this only
 * exception lets the worker and the service worker start, by their own addresses. */
const own = ['pkg/worker.js', 'sw.js'].map((path) => new URL(path, document.baseURI).href);

// TypeScript does not know them yet.
/** @type {any} */ (globalThis).trustedTypes?.createPolicy('default', {
  createScriptURL: (/** @type {string} */ address) =>
    own.includes(new URL(address, document.baseURI).href) ? address : null,
});
