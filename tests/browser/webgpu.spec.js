// The real pack on WebGPU: a ready episode, and what a token asks of the GPU.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { countCalls } from './counted.js';
import { gallery } from './gallery.js';

const episode = gallery.find(({ id }) => id === 'robots');

test('the real pack answers a ready episode on WebGPU', async ({ page }) => {
  await page.addInitScript(countCalls);
  await page.route('**/given/*', (route) => {
    const index = Number(new URL(route.request().url()).pathname.split('/').pop());
    return route.fulfill({ body: readFileSync(files[index]) });
  });
  const concepts = episode.concepts.map(({ name, pictures }) => ({
    name,
    files: pictures.slice(0, 2),
  }));
  const query = episode.queries[0];
  const files = [...concepts.flatMap(({ files }) => files), query.file];
  await page.goto('./');
  const found = await page.evaluate(
    async ({ names, count }) => {
      const start = performance.now();
      const times = {};
      const lap = (what) => (times[what] = Math.round(performance.now() - start));
      const wasm = await import(new URL('pkg/link_context.js', document.baseURI).href);
      const { program } = await import(new URL('pkg/program.js', document.baseURI).href);
      await wasm.default({ module_or_path: program() });
      const bytes = async (path) => {
        const response = await fetch(new URL(path, document.baseURI));
        return new Uint8Array(await response.arrayBuffer());
      };
      const text = new TextDecoder().decode(await bytes('pack/manifest.json'));
      const loader = await wasm.PackLoader.open(text, 'webgpu');
      const { kind } = loader.device();
      const pack = loader.files();
      for (const [index, { path }] of pack.shards.entries()) {
        await loader.push(index, await bytes(`pack/${path}`));
      }
      const session = loader.finish(await bytes(`pack/${pack.tokenizer.path}`));
      lap('loaded');
      const pictures = new wasm.Pictures();
      const ids = [];
      for (let index = 0; index < count; index += 1) {
        ids.push(pictures.add(`${index}.webp`, await bytes(`/given/${index}`)).id);
      }
      const asked = ids.pop();
      const shots = ids.length / names.length;
      const concepts = names.map((name, index) => ({
        name,
        pictures: ids.slice(index * shots, (index + 1) * shots),
      }));
      await session.link(pictures, { concepts });
      lap('linked');
      const counts = [];
      const answer = await session.answer(pictures, asked, () => {
        counts.push({ ...window.counted });
      });
      lap('answered');
      return { kind, answer, counts, times };
    },
    { names: concepts.map(({ name }) => name), count: files.length },
  );
  const [before, after] = found.counts;
  const token = Object.fromEntries(
    Object.entries(after).map(([what, count]) => [what, count - before[what]]),
  );
  console.log(`milliseconds: ${JSON.stringify(found.times)}; a token: ${JSON.stringify(token)}`);
  expect(found.kind).toBe('webgpu');
  expect(found.answer.name).toBe(query.answer);
  expect(token.dispatches).toBeLessThanOrEqual(200);
  expect(token.reads).toBe(1);
  expect(token.bytes).toBeLessThanOrEqual(64);
});
