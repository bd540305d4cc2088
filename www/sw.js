/** The page without a network: every file of one version of the site is kept together, under the hash of all of them. A later version is
 * fetched whole beside the one in use, and takes its place when no tab shows that any more, so old and new never meet. The pack is not
 * here: the worker keeps it, file by file. */
importScripts('sw-files.js'); // FILES and VERSION, which `cargo xtask dist` writes

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const PREFIX = 'link-context site ';
const NAME = PREFIX + VERSION;

worker.addEventListener('install', (event) => {
  const all = caches.open(NAME).then((cache) =>
    // Past the browser's own cache, which may have files of the version before.
    cache.addAll(FILES.map((file) => new Request(file, { cache: 'reload' }))),
  );
  event.waitUntil(all);
});

worker.addEventListener('activate', (event) => {
  const old = caches.keys().then((names) => {
    const others = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
    return Promise.all(others.map((name) => caches.delete(name)));
  });
  // The tab that brought it is served by it at once.
  event.waitUntil(old.then(() => worker.clients.claim()));
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  const scope = new URL(worker.registration.scope).pathname;
  if (!pathname.startsWith(scope)) return;
  const rest = pathname.slice(scope.length);
  const file = rest === '' || rest === 'index.html' ? './' : rest;
  if (!FILES.includes(file)) return;
  const kept = caches
    .open(NAME)
    .then((cache) => cache.match(new URL(file, worker.registration.scope)));
  event.respondWith(kept.then((response) => response ?? fetch(request)));
});
