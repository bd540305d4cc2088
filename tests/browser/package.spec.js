// The npm package as somebody else gets it: packed, installed into an empty project, and the snippet of its README run in a browser, without
// a bundler and with Vite.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tools = join(root, 'tests/browser/node_modules');
const episode = gallery.find(({ id }) => id === 'robots');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.webp': 'image/webp' };

const run = (folder, program, ...given) =>
  execFileSync(program, given, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** A folder served as any file server does, with the pack of the page's own server. */
async function serve(folder, baseURL) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://x/');
    if (pathname.startsWith('/pack/')) {
      const file = await fetch(new URL(pathname, baseURL));
      response.writeHead(file.status, { 'content-type': 'application/octet-stream' });
      return response.end(Buffer.from(await file.arrayBuffer()));
    }
    try {
      const body = readFileSync(join(folder, pathname === '/' ? 'index.html' : pathname));
      const type = TYPES[extname(pathname || '.html')] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': pathname === '/' ? 'text/html' : type });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Lines of the console, until the snippet has come to its end. */
async function snippetIn(page, address) {
  const lines = [];
  page.on('console', (message) => lines.push(message.text()));
  page.on('pageerror', (error) => lines.push(`error: ${error.message}`));
  await page.goto(address);
  const done = () => lines.some((line) => /^(It is called|error:)/.test(line));
  await expect.poll(done, { timeout: 8 * 60_000 }).toBe(true);
  return lines;
}

/** What must come of the snippet. */
function expectAnswer(lines) {
  expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
  expect(lines).toContain(`It is called ${episode.queries[0].answer}`);
  expect(lines.some((line) => /^\d+ of \d+ bytes$/.test(line))).toBe(true);
}

let project;
test.beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'link-context-'));
  run(project, 'npm', 'pack', join(root, 'pkg'), '--silent');
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const version = JSON.parse(readFileSync(join(root, 'pkg/package.json'), 'utf8')).version;
  run(project, 'npm', 'install', `./link-context-${version}.tgz`, '--offline', '--no-audit');
  const readme = readFileSync(join(project, 'node_modules/link-context/README.md'), 'utf8');
  const [, snippet] = readme.match(/```js\n([^]*?)```/);
  writeFileSync(join(project, 'snippet.js'), snippet);
  for (const { pictures } of episode.concepts) {
    for (const file of pictures) cpSync(file, join(project, file.split('/').pop()));
  }
  cpSync(episode.queries[0].file, join(project, 'unknown.webp'));
});
test.afterAll(() => rmSync(project, { recursive: true }));

test('publint and arethetypeswrong find nothing', () => {
  const pkg = join(root, 'pkg');
  console.log(run(pkg, 'node', join(tools, 'publint/src/cli.js'), '--strict'));
  const wrong = join(tools, '@arethetypeswrong/cli/dist/index.js');
  console.log(run(pkg, 'node', wrong, '--pack', '.', '--profile', 'esm-only'));
});

test('the README snippet is typed', () => {
  // What TypeScript makes of the snippet where nothing may be of any type but the addresses.
  const source = readFileSync(join(project, 'snippet.js'), 'utf8');
  const typed = source.replace('async (address)', 'async (address: string)');
  writeFileSync(join(project, 'snippet.ts'), typed);
  const compiler = join(root, 'xtask/node_modules/typescript/bin/tsc');
  for (const resolution of ['bundler', 'nodenext']) {
    const module = resolution === 'bundler' ? 'esnext' : 'nodenext';
    const lib = 'es2023,dom,dom.iterable,dom.asynciterable';
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--lib',
      lib,
      '--module',
      module,
    ];
    run(project, 'node', compiler, ...options, '--moduleResolution', resolution, 'snippet.ts');
  }
});

test('the README snippet runs without a bundler, and errors and signals are what it says', async ({
  page,
  baseURL,
}) => {
  writeFileSync(
    join(project, 'index.html'),
    `<!doctype html><script type="importmap">
    { "imports": { "link-context": "./node_modules/link-context/index.js" } }
    </script><script type="module" src="snippet.js"></script>`,
  );
  const server = await serve(project, baseURL);
  try {
    expectAnswer(await snippetIn(page, server.address));
    const found = await page.evaluate(async () => {
      const { LinkContext, LinkContextError } = await import('link-context');
      const model = new LinkContext({ pack: '/pack/' });
      const errorOf = async (work) => {
        try {
          await work();
          return null;
        } catch (error) {
          const typed = error instanceof LinkContextError;
          return { name: error.name, code: typed ? error.code : '', subject: error.subject };
        }
      };
      const picture = async (address) => (await fetch(address)).blob();
      const concepts = [
        { name: 'grolt', pictures: [await picture('grolt-1.webp')] },
        { name: ' ', pictures: [await picture('pindle-1.webp')] },
      ];
      const query = await picture('unknown.webp');
      const found = {};
      found.rule = await errorOf(() => model.check({ concepts, query }));
      concepts[1].name = 'pindle';
      found.unloaded = await errorOf(() => model.ask({ concepts, query }).reply);
      const text = new File(['text'], 'text.png');
      found.picture = await errorOf(() => model.check({ concepts, query: text }));
      const nowhere = new LinkContext({ pack: '/nowhere/' });
      found.pack = await errorOf(() => nowhere.load());
      const early = new AbortController();
      const loading = model.load({
        device: 'cpu',
        signal: early.signal,
        onProgress: () => early.abort(),
      });
      found.load = await errorOf(() => loading);
      await model.load({ device: 'cpu' });
      const { reused } = await model.link(concepts);
      const stop = new AbortController();
      const { signal } = stop;
      found.ask = await errorOf(async () => {
        for await (const token of model.ask({ concepts, query }, { signal })) {
          found.token = token.text;
          stop.abort();
        }
      });
      const { answer, link } = await model.ask({ concepts, query }).reply;
      found.reused = [reused, link.reused];
      found.names = answer.concepts.map(({ name }) => name);
      let lost = 0;
      model.addEventListener('lost', () => (lost += 1));
      const closed = model.ask({ concepts, query }).reply;
      await new Promise((resolve) => setTimeout(resolve, 10));
      model.close();
      found.closed = await errorOf(() => closed);
      found.lost = lost;
      return found;
    });
    const typed = (code) => expect.objectContaining({ name: 'LinkContextError', code });
    expect(found).toMatchObject({
      rule: typed('name-empty'),
      unloaded: typed('not-loaded'),
      picture: typed('picture-unreadable'),
      pack: typed('pack-missing'),
      load: { name: 'AbortError' },
      ask: { name: 'AbortError' },
      token: expect.any(String),
      reused: [false, true],
      names: ['grolt', 'pindle'],
      closed: typed('cancelled'),
      lost: 1,
    });
  } finally {
    server.close();
  }
});

test('the README snippet runs in a page that Vite built', async ({ page, baseURL }) => {
  writeFileSync(
    join(project, 'index.html'),
    '<!doctype html><script type="module" src="/snippet.js"></script>',
  );
  run(project, 'node', join(tools, 'vite/bin/vite.js'), 'build', '--target', 'es2022');
  for (const file of ['grolt-1', 'grolt-2', 'pindle-1', 'pindle-2', 'unknown']) {
    cpSync(join(project, `${file}.webp`), join(project, 'dist', `${file}.webp`));
  }
  const server = await serve(join(project, 'dist'), baseURL);
  try {
    expectAnswer(await snippetIn(page, server.address));
  } finally {
    server.close();
  }
});
