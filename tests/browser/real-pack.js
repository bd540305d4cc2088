// The real pack in the page's own program, without the page around it.
import { readFileSync } from 'node:fs';

/**
 * Links a support set and asks one question after the other.
 * @param {import('@playwright/test').Page} page
 * @param {'cpu' | 'webgpu'} device
 * @param {{ concepts: { name: string, pictures: string[] }[], queries: { file: string }[] }} episode with as many pictures for each concept
 * @returns the device's kind, the bytes of the pack's files, after each stage the milliseconds so far, the bytes of the wasm heap and the
 *   pipelines that were compiled, where they are counted, and each answer with what was counted until each of its tokens
 */
export async function ask(page, device, { concepts, queries }) {
  const files = [
    ...concepts.flatMap(({ pictures }) => pictures),
    ...queries.map(({ file }) => file),
  ];
  await page.route('**/given/*', (route) => {
    const index = Number(new URL(route.request().url()).pathname.split('/').pop());
    return route.fulfill({ body: readFileSync(files[index]) });
  });
  await page.goto('./');
  return page.evaluate(
    async ({ device, names, shots, count }) => {
      const start = performance.now();
      const wasm = await import(new URL('pkg/link_context.js', document.baseURI).href);
      const { program } = await import(new URL('pkg/program.js', document.baseURI).href);
      const { memory } = await wasm.default({ module_or_path: program() });
      const stages = {};
      const lap = (stage) => {
        const milliseconds = Math.round(performance.now() - start);
        const { pipelines } = window.counted ?? {};
        stages[stage] = { milliseconds, heap: memory.buffer.byteLength, pipelines };
      };
      const bytes = async (path) => {
        const response = await fetch(new URL(path, document.baseURI));
        return new Uint8Array(await response.arrayBuffer());
      };
      lap('started');
      const pictures = new wasm.Pictures();
      const ids = [];
      for (let index = 0; index < count; index += 1) {
        ids.push(pictures.add(`${index}.webp`, await bytes(`/given/${index}`)).id);
      }
      lap('pictures');
      const text = new TextDecoder().decode(await bytes('pack/manifest.json'));
      const loader = await wasm.PackLoader.open(text, device);
      const { kind } = loader.device();
      const pack = loader.files();
      const rehearsed = loader.rehearsal()?.run();
      for (const [index, { path }] of pack.shards.entries()) {
        await loader.push(index, await bytes(`pack/${path}`));
      }
      const session = loader.finish(await bytes(`pack/${pack.tokenizer.path}`));
      await rehearsed;
      lap('loaded');
      const concepts = names.map((name, index) => ({
        name,
        pictures: ids.slice(index * shots, (index + 1) * shots),
      }));
      await session.link(pictures, { concepts });
      lap('linked');
      const answers = [];
      for (const [index, query] of ids.slice(names.length * shots).entries()) {
        const counts = [];
        const note = () => counts.push({ ...window.counted });
        const answer = await session.answer(pictures, query, note);
        answers.push({ ...answer, counts });
        lap(`answered ${index + 1}`);
      }
      return { kind, bytes: pack.total_bytes, stages, answers };
    },
    {
      device,
      names: concepts.map(({ name }) => name),
      shots: concepts[0].pictures.length,
      count: files.length,
    },
  );
}
