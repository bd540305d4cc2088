// The site that `cargo xtask dist` writes, on a server that counts, breaks off and goes away as a test wants.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
};
const CHUNK = 65_536;

/** Of the pack's files alone. */
export const packBytes = () => {
  const manifest = JSON.parse(readFileSync(join(dist, 'pack/manifest.json'), 'utf8'));
  return [...manifest.shards, manifest.tokenizer].reduce((sum, { bytes }) => sum + bytes, 0);
};

/** A place three quarters into the file of the pack that lies at this share of it all, and how much of that file has come there. */
export function placeWithin(share) {
  const manifest = JSON.parse(readFileSync(join(dist, 'pack/manifest.json'), 'utf8'));
  let before = 0;
  for (const { bytes } of manifest.shards) {
    if (before + bytes > share * packBytes())
      return { at: before + 0.75 * bytes, of: 0.75 * bytes };
    before += bytes;
  }
  throw new Error(`the pack has no file at ${share}`);
}

export async function serveSite() {
  const site = {
    /** Bytes of the pack's files that were sent. */
    sent: 0,
    /** When so many were sent, the connection breaks, and every later one of the pack's. */
    breakAfter: Infinity,
    /** Contents that stand for those of files, by their address. */
    instead: {},
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x/').pathname;
    const file = join(dist, path.endsWith('/') ? `${path}index.html` : path);
    const instead = site.instead[path];
    if (instead === undefined && !existsSync(file)) return response.writeHead(404).end();
    const body = instead === undefined ? readFileSync(file) : Buffer.from(instead);
    const [, from] = request.headers.range?.match(/^bytes=(\d+)-$/) ?? [];
    const start = from ? Number(from) : 0;
    response.writeHead(from ? 206 : 200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': body.length - start,
      'cache-control': 'no-cache',
      ...(from && { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    if (!/\/pack\/.*\.bin$/.test(path)) return response.end(body);
    const send = (at) => {
      if (site.sent >= site.breakAfter) return response.destroy();
      if (at >= body.length) return response.end();
      const part = body.subarray(at, at + CHUNK);
      site.sent += part.length;
      response.write(part, () => send(at + part.length));
    };
    send(start);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return Object.assign(site, { address, close });
}
