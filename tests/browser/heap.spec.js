// The memory of the page's program on the CPU, where all weights lie in it: the largest of the ready episodes on the real pack.
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';
import { ask } from './real-pack.js';

/** The most that the wasm heap may have for a byte that the pack's files have. */
const MOST = 1.3;

const shown = ({ concepts }) => concepts.reduce((sum, { pictures }) => sum + pictures.length, 0);
const largest = gallery.reduce((most, next) => (shown(next) > shown(most) ? next : most));

test('the wasm heap stays small beside the pack', async ({ page }) => {
  const { concepts, queries } = largest;
  const found = await ask(page, 'cpu', { concepts, queries: queries.slice(0, 2) });
  const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
  // A wasm heap never shrinks: its last size is its largest.
  const heaps = Object.entries(found.stages).map(([stage, { heap }]) => [stage, heap]);
  const [, heap] = heaps.at(-1);
  const stages = heaps.map(([stage, heap]) => `${stage} ${megabytes(heap)}`).join(', ');
  console.log(
    `${largest.id}, ${shown(largest)} pictures: wasm heap in MB when ${stages}; ` +
      `${(heap / found.bytes).toFixed(3)} times the pack's ${megabytes(found.bytes)}`,
  );
  expect(found.kind).toBe('cpu');
  expect(found.answers.map(({ finished }) => finished)).toEqual([true, true]);
  expect(heap).toBeLessThanOrEqual(MOST * found.bytes);
});
