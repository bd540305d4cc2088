// A browser that looks only now and then whether the GPU is done, as Firefox does, is made to look. No Firefox that can be installed here has
// WebGPU, so Chromium is made to behave like it: results come with the next tick of a slow clock, or when something is submitted.
import { expect, test } from '@playwright/test';
import { serveFixtures } from './fixtures.js';

const TICK = 100;

/** Holds every result back until the next tick or submission. Runs in the page before any of its scripts. */
function lookSeldom(tick) {
  window.looks = { ticks: 0, submissions: 0 };
  let waiting = [];
  const look = (what) => {
    if (waiting.length > 0) window.looks[what] += waiting.length;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const later = (prototype, method) => {
    const original = prototype[method];
    prototype[method] = async function (...given) {
      const done = await original.apply(this, given);
      await new Promise((resolve) => waiting.push(resolve));
      return done;
    };
  };
  later(GPUBuffer.prototype, 'mapAsync');
  later(GPUQueue.prototype, 'onSubmittedWorkDone');
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (...given) {
    submit.apply(this, given);
    look('submissions');
  };
  setInterval(() => look('ticks'), tick);
}

for (const seldom of [true, false]) {
  test(`results are ${seldom ? 'asked for where the browser looks seldom' : 'waited for in peace elsewhere'}`, async ({
    page,
  }) => {
    if (seldom) await page.addInitScript(lookSeldom, TICK);
    await page.addInitScript(() => {
      window.empty = 0;
      const submit = GPUQueue.prototype.submit;
      GPUQueue.prototype.submit = function (commands) {
        if (commands.length === 0) window.empty += 1;
        return submit.call(this, commands);
      };
    });
    await serveFixtures(page);
    await page.goto('./');
    await page.waitForLoadState('networkidle'); // a busy machine is late, too
    const found = await page.evaluate(async () => {
      const wasm = await import(new URL('pkg/link_context.js', document.baseURI).href);
      const { program } = await import(new URL('pkg/program.js', document.baseURI).href);
      await wasm.default({ module_or_path: program() });
      const bytes = async (path) => {
        const response = await fetch(`/fixtures/${path}`);
        return new Uint8Array(await response.arrayBuffer());
      };
      const text = new TextDecoder().decode(await bytes('tiny/pack/manifest.json'));
      const loader = await wasm.PackLoader.open(text, 'webgpu');
      const files = loader.files();
      for (const [index, shard] of files.shards.entries()) {
        await loader.push(index, await bytes(`tiny/pack/${shard.path}`));
      }
      const session = loader.finish(await bytes(`tiny/pack/${files.tokenizer.path}`));
      const pictures = new wasm.Pictures();
      const ids = [];
      for (const index of [0, 1, 2]) {
        const name = `picture-${index}.png`;
        ids.push(pictures.add(name, await bytes(`parity/${name}`)).id);
      }
      const concepts = ['one', 'two'].map((name, at) => ({ name, pictures: [ids[at]] }));
      await session.link(pictures, { concepts });
      const [before, empty] = [{ ...window.looks }, window.empty];
      const { tokens } = await session.answer(pictures, ids[2], () => {});
      const after = { ...window.looks };
      const during = window.empty - empty;
      // Nothing goes on once there is nothing to wait for.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const rest = window.empty;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { tokens: tokens.length, before, after, during, later: window.empty - rest };
    });
    console.log(JSON.stringify(found));
    expect(found.tokens).toBeGreaterThan(4);
    expect(found.later).toBe(0);
    if (!seldom) {
      expect(found.during).toBe(0);
      return;
    }
    expect(found.during).toBeGreaterThanOrEqual(found.tokens);
    const looked = (what) => found.after[what] - found.before[what];
    // The clock ticks beside it, and takes a result now and then.
    expect(looked('submissions')).toBeGreaterThan(2 * looked('ticks'));
    expect(looked('submissions') + looked('ticks')).toBeGreaterThanOrEqual(found.tokens);
  });
}
