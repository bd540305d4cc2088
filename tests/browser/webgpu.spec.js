// The real pack on WebGPU: a ready episode, and what a token asks of the GPU.
import { expect, test } from '@playwright/test';
import { countCalls } from './counted.js';
import { gallery } from './gallery.js';
import { ask } from './real-pack.js';

const episode = gallery.find(({ id }) => id === 'robots');

test('the real pack answers a ready episode on WebGPU', async ({ page }) => {
  await page.addInitScript(countCalls);
  const concepts = episode.concepts.map(({ name, pictures }) => ({
    name,
    pictures: pictures.slice(0, 2),
  }));
  const query = episode.queries[0];
  const found = await ask(page, 'webgpu', { concepts, queries: [query] });
  const [answer] = found.answers;
  const [before, after] = answer.counts;
  const token = Object.fromEntries(
    Object.entries(after).map(([what, count]) => [what, count - before[what]]),
  );
  console.log(`stages: ${JSON.stringify(found.stages)}; a token: ${JSON.stringify(token)}`);
  expect(found.kind).toBe('webgpu');
  expect(answer.name).toBe(query.answer);
  expect(token.dispatches).toBeLessThanOrEqual(200);
  expect(token.reads).toBe(1);
  expect(token.bytes).toBeLessThanOrEqual(64);
  // What the rehearsal does not meet has to be compiled while somebody waits for the answer: of some 150, as good as nothing.
  const rehearsed = found.stages.loaded.pipelines;
  expect(rehearsed).toBeGreaterThan(100);
  expect(found.stages['answered 1'].pipelines - rehearsed).toBeLessThanOrEqual(3);
});
