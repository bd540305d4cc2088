// Runs every contestant in one headless Chromium, one after the other, each in a page of its own, and prints the tables, or JSON.
// Fails when a contestant does.
//
//   node run.js SITE MODELS PAGE [--json] [WORD...]
//
// CHROMIUM is the browser's path, CHROMIUM_FLAGS more of its options: a real GPU needs some.
//
// SITE is what `cargo xtask dist` writes, MODELS what export.py writes; PAGE is where the tables go, unless words are given: then only the
// contestants, devices, tasks and formats of those words run, and nothing is written.
import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { countCalls } from '../browser/counted.js';
import { report } from './report.js';

const [site, models, page, ...rest] = process.argv.slice(2);
const json = rest.includes('--json');
const words = rest.filter((word) => word !== '--json');
const here = fileURLToPath(new URL('.', import.meta.url));
// Text that the text engines read: of about as many tokens as an episode of twelve pictures has.
const TOKENS = 141;
const mounts = [
  ['/bench/', here],
  ['/peers/', join(here, 'node_modules/')],
  ['/models/', join(models, '/')],
  ['/browser/', join(here, '../browser/')],
  ['/fixtures/', join(here, '../fixtures/')],
  ['/', join(site, '/')],
];
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A static server on a free port; `sent` counts its bytes. */
async function serve() {
  const served = { sent: 0 };
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const [prefix, folder] = mounts.find(([prefix]) => path.startsWith(prefix));
    try {
      const body = await readFile(join(folder, path.slice(prefix.length)));
      served.sent += body.length;
      const type = types[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  served.origin = `http://127.0.0.1:${server.address().port}`;
  served.close = () => server.close();
  return served;
}

const runs = [
  { contestant: 'link-context', device: 'cpu', task: 'text' },
  { contestant: 'wllama', device: 'cpu', task: 'text', tokens: TOKENS, decoded: 32 },
  ...['int8', 'q4', 'fp32'].map((dtype) => ({
    contestant: 'transformers',
    device: 'wasm',
    dtype,
    task: 'text',
    tokens: TOKENS,
    decoded: 32,
  })),
  { contestant: 'link-context', device: 'webgpu', task: 'text' },
  ...['q4', 'fp32'].map((dtype) => ({
    contestant: 'transformers',
    device: 'webgpu',
    dtype,
    task: 'text',
    tokens: TOKENS,
    decoded: 3,
  })),
  { contestant: 'link-context', device: 'cpu', task: 'pictures' },
  { contestant: 'onnxruntime', device: 'wasm', task: 'pictures' },
  { contestant: 'link-context', device: 'webgpu', task: 'pictures' },
  { contestant: 'onnxruntime', device: 'webgpu', task: 'pictures' },
  { contestant: 'link-context', device: 'cpu', task: 'growth' },
  { contestant: 'link-context', device: 'cpu', task: 'agreement', at_once: 128 },
  // Where they are asked for alone: software WebGPU would take hours.
  { contestant: 'link-context', device: 'cpu', task: 'questions', asked: true },
  { contestant: 'link-context', device: 'webgpu', task: 'growth', asked: true },
  { contestant: 'link-context', device: 'webgpu', task: 'questions', asked: true },
  // Software WebGPU needs a second for every token that is read alone.
  { contestant: 'link-context', device: 'webgpu', task: 'agreement', at_once: 240 },
];

const chosen = runs.filter(
  ({ contestant, device, task, dtype, asked }) =>
    words.every((word) => [contestant, device, task, dtype].includes(word)) &&
    (!asked || words.length > 0),
);
if (!chosen.length) {
  console.error(
    `no run is of ${words.join(' and ')}: see the list in ${fileURLToPath(import.meta.url)}`,
  );
  process.exit(1);
}
const served = await serve();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless=new',
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    ...(process.env.CHROMIUM_FLAGS ?? '').split(' ').filter(Boolean),
  ],
});
// A GPU's process may still be starting when the first page asks for it, and then gives nothing.
const first = await browser.newPage();
await first.goto(`${served.origin}/bench/page.html`);
await first.evaluate(async () => {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (!navigator.gpu || (await navigator.gpu.requestAdapter())) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
await first.close();
const found = [];
for (const run of chosen) {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(0);
  await tab.addInitScript(countCalls);
  await tab.goto(`${served.origin}/bench/page.html`);
  const before = served.sent;
  const start = performance.now();
  let result;
  try {
    result = await tab.evaluate(async (run) => {
      const { measure } = await import(`/bench/contestants/${run.contestant}.js`);
      return measure(run);
    }, run);
  } catch (error) {
    result = { failed: String(error).split('\n')[0] };
  }
  const seconds = (performance.now() - start) / 1e3;
  found.push({ ...run, ...result, bytes: served.sent - before, seconds });
  console.error(JSON.stringify(found.at(-1)));
  await tab.close();
}
const version = browser.version();
await browser.close();
served.close();
const all = { browser: `Chromium ${version}`, runs: found };
const tables = report(all);
console.log(json ? JSON.stringify(all) : tables);
const failed = found.filter(({ failed }) => failed);
if (failed.length) {
  console.error(`${failed.length} of ${found.length} runs failed; their messages are above`);
  process.exitCode = 1;
} else if (!words.length) {
  await writeFile(page, tables);
}
