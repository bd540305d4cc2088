// This project's own engine, as the page runs it, without the page.
import { safetensors } from '/browser/safetensors.js';
import { program } from '/pkg/program.js';

const LONG = [
  'a Wolpertinger of the autumn fog, the seventh of its kind, in moss',
  'a doughnut-snail that hums on Tuesdays, late in the year, of glass',
].map((name) => name.slice(0, 64));

const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

/** `change` may alter the manifest. */
async function open(device, change = () => {}) {
  const wasm = await import('/pkg/link_context.js');
  const exports = await wasm.default({ module_or_path: program() });
  const manifest = await (await fetch('/pack/manifest.json')).json();
  change(manifest);
  const loader = await wasm.PackLoader.open(JSON.stringify(manifest), device);
  const files = loader.files();
  for (const [index, { path }] of files.shards.entries()) {
    await loader.push(index, await bytes(`/pack/${path}`));
  }
  const session = loader.finish(await bytes(`/pack/${files.tokenizer.path}`));
  return { session, pictures: new wasm.Pictures(), heap: exports.memory };
}

/** `count` pictures that differ: what they show is the same to a clock. */
async function draw(pictures, count) {
  const canvas = new OffscreenCanvas(224, 224);
  const context = canvas.getContext('2d');
  const ids = [];
  for (let at = 0; at < count; at += 1) {
    context.fillStyle = `hsl(${(at * 47) % 360} 70% 60%)`;
    context.fillRect(0, 0, 224, 224);
    context.fillStyle = `hsl(${(at * 101) % 360} 60% 30%)`;
    context.fillRect(20 + at, 40, 60 + at, 120);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    ids.push(pictures.add(`${at}.png`, new Uint8Array(await blob.arrayBuffer())).id);
  }
  return ids;
}

const support = (names, ids) => ({
  concepts: names.map((name, at) => ({
    name,
    pictures: ids.filter((_, index) => index % names.length === at),
  })),
});

/** Milliseconds, after a warm-up: of a support set of twelve pictures, and of a token of a long name. */
async function text({ device }) {
  const start = performance.now();
  const { session, pictures, heap } = await open(device);
  const load = performance.now() - start;
  const ids = await draw(pictures, 13);
  const query = ids.pop();
  // The same pictures under other names: they are encoded once.
  await session.link(pictures, support(['cactihog', 'brickphant'], ids));
  const linked = await session.link(pictures, support(['brickphant', 'cactihog'], ids));
  await session.link(pictures, support(LONG, ids.slice(0, 4)));
  const counts = [];
  const note = () => counts.push({ ...window.counted, at: performance.now() });
  const answer = await session.answer(pictures, query, note);
  const last = counts.at(-1);
  const steps = counts.length - 1;
  const per = (what) => (last[what] - counts[0][what]) / steps;
  return {
    load,
    prefill: { tokens: linked.tokens, milliseconds: linked.milliseconds },
    decode: { tokens: steps, milliseconds: last.at - counts[0].at },
    answer: answer.name,
    adapter: window.counted.adapter,
    per_token: {
      dispatches: per('dispatches'),
      submits: per('submits'),
      reads: per('reads'),
      bytes: per('bytes'),
    },
    pipelines: last.pipelines,
    gpu_bytes: last.allocated,
    heap: heap.buffer.byteLength,
  };
}

/** Milliseconds a picture, after a warm-up. */
async function encode({ device }) {
  const { session, pictures } = await open(device);
  const count = device === 'cpu' ? 12 : 4;
  const ids = await draw(pictures, count + 2);
  await session.link(pictures, support(['a', 'b'], ids.splice(0, 2)));
  const { encode_milliseconds: enqueued, milliseconds } = await session.link(
    pictures,
    support(['a', 'b'], ids),
  );
  const { milliseconds: again } = await session.link(pictures, support(['b', 'a'], ids));
  // On WebGPU the encoder's work is waited for with the prefill's, which the second link does alone.
  return { per_picture: (enqueued + milliseconds - again) / count };
}

/** Milliseconds of link and answer as the support set grows. */
async function growth({ device }) {
  const { session, pictures } = await open(device);
  const ids = await draw(pictures, 42);
  const [first, second] = ids.splice(40);
  const names = ['cactihog', 'brickphant', 'doughnut-snail', 'moonfish', 'leafbot'];
  const rows = [];
  // What was linked last, so that nothing of the next support set is there already: it would not be read again.
  const another = support(['wug', 'dax'], [second, first]);
  const measure = async (ways, shots) => {
    await session.link(pictures, another);
    const given = support(names.slice(0, ways), ids.slice(0, ways * shots));
    const linked = await session.link(pictures, given);
    const answer = await session.answer(pictures, second, () => {});
    const { prefill, decode, evidence } = answer.milliseconds;
    rows.push({
      ways,
      shots,
      tokens: linked.tokens,
      link: linked.milliseconds,
      answer: prefill + decode + evidence,
    });
  };
  // A first answer from nothing, and a second query after it.
  const start = performance.now();
  await session.link(pictures, support(names.slice(0, 2), ids.slice(0, 16)));
  await session.answer(pictures, first, () => {});
  const whole = performance.now() - start;
  const again = performance.now();
  await session.answer(pictures, second, () => {});
  const next = performance.now() - again;
  for (const shots of [1, 2, 4, 8, 16]) await measure(2, shots);
  for (const ways of [3, 4, 5]) await measure(ways, 4);
  return { first: whole, next, rows };
}

/**
 * At how many positions of a plain text the likeliest next token is the one of PyTorch on the same published weights, without the adapter.
 * Of each sequence the first `at_once` tokens are read together, the others one by one.
 */
async function agreement({ device, at_once }) {
  const length = 256;
  const { ids, argmax } = safetensors(await bytes('/fixtures/parity/text.safetensors'));
  const { session } = await open(device, ({ tensors }) => {
    for (const name of Object.keys(tensors)) if (name.includes('.lora.')) delete tensors[name];
  });
  let same = 0;
  for (let start = 0; start < ids.length; start += length) {
    const logits = await session.forced_logits(
      new Uint32Array(ids.slice(start, start + length)),
      at_once,
    );
    const width = logits.length / length;
    for (let row = 0; row < length; row += 1) {
      const values = logits.subarray(row * width, (row + 1) * width);
      let top = 0;
      values.forEach((value, column) => (top = value > values[top] ? column : top));
      if (top === argmax[start + row]) same += 1;
    }
  }
  const alone = (ids.length / length) * (length - at_once);
  return { same, positions: ids.length, alone };
}

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Every ready question, beside what was recorded of it on a CPU. Milliseconds are medians. */
async function questions({ device }) {
  const { session, pictures } = await open(device);
  const add = async (file) => pictures.add(file, await bytes(`/gallery/${file}`)).id;
  const found = { of: 0, same: 0, difference: 0 };
  const times = { link: [], encode: [], prefill: [], decode: [], evidence: [], all: [] };
  for (const { id, concepts, queries } of await (await fetch('/gallery/gallery.json')).json()) {
    const recorded = await (await fetch(`/recorded/${id}.json`)).json();
    const given = [];
    for (const { name, pictures: files } of concepts) {
      given.push({ name, pictures: await Promise.all(files.map(add)) });
    }
    for (const [index, query] of queries.entries()) {
      const start = performance.now();
      const linked = await session.link(pictures, { concepts: given });
      const answer = await session.answer(pictures, await add(query.file), () => {});
      if (index === 0) {
        times.link.push(linked.milliseconds);
        times.all.push(performance.now() - start);
      }
      for (const [part, time] of Object.entries(answer.milliseconds)) times[part].push(time);
      const before = recorded.queries[index].answer;
      found.of += 1;
      if (answer.name === before.name) found.same += 1;
      const differences = answer.concepts.map(({ probability }, concept) =>
        Math.abs(probability - before.concepts[concept].probability),
      );
      found.difference = Math.max(found.difference, ...differences);
    }
  }
  const medians = Object.entries(times).map(([part, list]) => [part, middle(list)]);
  const { adapter } = window.counted;
  return { ...found, adapter, milliseconds: Object.fromEntries(medians) };
}

export const measure = (run) =>
  ({ text, pictures: encode, growth, agreement, questions })[run.task](run);
