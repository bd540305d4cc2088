// The tiny model of tests/fixtures/tiny in the page's own program, on both devices, against PyTorch: forced decoding, then one episode.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { fixtures, serveFixtures } from './fixtures.js';
import { safetensors } from './safetensors.js';

const reference = safetensors(readFileSync(new URL('tiny/reference.safetensors', fixtures)));

/** Rows of a matrix. */
const rows = (values, width) =>
  Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width),
  );
const top = (row) => row.indexOf(Math.max(...row));
const difference = (left, right) => {
  expect(left.length).toBe(right.length);
  // NaN must not pass for a small difference.
  return left.reduce((most, value, index) => {
    const distance = Math.abs(value - right[index]);
    return distance <= most ? most : distance;
  }, 0);
};

for (const kind of ['cpu', 'webgpu']) {
  test(`${kind} agrees with PyTorch on a tiny model`, async ({ page }) => {
    await serveFixtures(page);
    await page.goto('./');
    const found = await page.evaluate(
      async ({ kind, ids, names }) => {
        const wasm = await import(new URL('pkg/link_context.js', document.baseURI).href);
        const { program } = await import(new URL('pkg/program.js', document.baseURI).href);
        await wasm.default({ module_or_path: program() });
        const bytes = async (path) => {
          const response = await fetch(`/fixtures/${path}`);
          return new Uint8Array(await response.arrayBuffer());
        };
        const text = new TextDecoder().decode(await bytes('tiny/pack/manifest.json'));
        const loader = await wasm.PackLoader.open(text, kind);
        const device = loader.device();
        const files = loader.files();
        for (const [index, shard] of files.shards.entries()) {
          await loader.push(index, await bytes(`tiny/pack/${shard.path}`));
        }
        const session = loader.finish(await bytes(`tiny/pack/${files.tokenizer.path}`));
        const logits = [...(await session.forced_logits(new Uint32Array(ids), ids.length / 2))];
        const pictures = new wasm.Pictures();
        const numbers = [];
        for (const index of [0, 1, 2]) {
          const name = `picture-${index}.png`;
          numbers.push(pictures.add(name, await bytes(`parity/${name}`)).id);
        }
        const concepts = names.map((name, index) => ({ name, pictures: [numbers[index]] }));
        await session.link(pictures, { concepts });
        const streamed = [];
        const answer = await session.answer(pictures, numbers[2], (token) => streamed.push(token));
        // As a worker gets a press on Stop: by a message, while it answers.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => session.stop();
        const stopped = await session.answer(pictures, numbers[2], () => port2.postMessage(0));
        return { device, logits, answer, streamed, stopped };
      },
      { kind, ids: reference.ids, names: JSON.parse(reference.metadata.names) },
    );
    expect(found.device.kind).toBe(kind);

    // The CPU has the adapter beside the matrices; a GPU has it merged.
    const expected = (name) => reference[kind === 'cpu' ? `beside.${name}` : name];
    const width = expected('logits').length / reference.ids.length;
    expect(reference.ids.length).toBeGreaterThanOrEqual(64);
    const most = difference(found.logits, expected('logits'));
    const tops = rows(found.logits, width).map(top);
    const same = rows(expected('logits'), width).filter((row, index) => top(row) === tops[index]);
    console.log(
      `${kind} (${found.device.name}): ${same.length} of ${reference.ids.length} top tokens equal, logits within ${most.toExponential(1)}`,
    );
    expect(same.length).toBe(reference.ids.length);
    // The kernels of the CPU round activations to 16 bits, and weights to 15 where many rows go through them; their bounds are the native
    // tests': for the logits half of what the reference keeps between a first and a second, so that the order is kept too.
    expect(most).toBeLessThanOrEqual(kind === 'cpu' ? 1e-2 : 1e-3);

    const { tokens, concepts, examples } = found.answer;
    const probabilities = difference(
      tokens.map(({ probability }) => probability),
      expected('linked.answer.probabilities'),
    );
    const names = difference(
      concepts.map(({ probability }) => Math.log(probability)),
      expected('linked.names'),
    );
    const shares = difference(
      examples.map(({ share }) => share),
      expected('linked.shares'),
    );
    console.log(
      `${kind}: answer within ${probabilities.toExponential(1)}, names within ${names.toExponential(1)} (logarithm), shares within ${shares.toExponential(1)}`,
    );
    expect(probabilities).toBeLessThanOrEqual(kind === 'cpu' ? 2e-3 : 1e-3);
    expect(names).toBeLessThanOrEqual(1e-2);
    expect(shares).toBeLessThanOrEqual(1e-3);
    expect(found.streamed).toEqual(tokens);

    expect(tokens.length).toBeGreaterThan(2);
    expect(found.stopped.finished).toBe(false);
    expect(found.stopped.tokens.length).toBeLessThan(tokens.length);
  });
}
