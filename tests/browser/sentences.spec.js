// Every failure that can reach the page, provoked where it arises and told in full: what a person reads, with every name and number in it.
// failures.spec.js and input.spec.js have those that a network, a device or a person's hands cause; the last test here counts all of them.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';
import { serveTiny } from './tiny.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const english = JSON.parse(read('www/texts/en.json'));

/** `[code, sentence, what provokes it]`; that runs in the page, with `kit`. */
const inProgram = [
  [
    'concepts-too-few',
    'There are not two concepts to choose from yet; please give each a name and a picture.',
    () => kit.check([kit.concept('wug')]),
  ],
  [
    'concepts-too-many',
    'There are 6 concepts and the limit is 5; please remove some.',
    () => kit.check(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => kit.concept(name))),
  ],
  [
    'pictures-too-many',
    '“wug” has 9 pictures and the limit is 8; please remove some.',
    () => kit.check([kit.concept('wug', 9), kit.concept('dax')]),
  ],
  [
    'concept-without-pictures',
    '“dax” has no picture yet; please add at least one.',
    () => kit.check([kit.concept('wug'), kit.concept('dax', 0)]),
  ],
  [
    'name-empty',
    'A concept has no name yet; please type one, real or invented.',
    () => kit.check([kit.concept('wug'), kit.concept('  ')]),
  ],
  [
    'name-too-long',
    `The name “${'n'.repeat(65)}” has 65 characters and the limit is 64; please shorten it.`,
    () => kit.check([kit.concept('wug'), kit.concept('n'.repeat(65))]),
  ],
  [
    'name-duplicate',
    'The name “wug ” is used twice; please give each concept a name of its own.',
    () => kit.check([kit.concept('wug'), kit.concept('wug ')]),
  ],
  [
    'name-control-character',
    'The name “wu\u0007g” contains an invisible control character; please type it again.',
    () => kit.check([kit.concept('dax'), kit.concept('wu\u0007g')]),
  ],
  [
    'query-missing',
    'There is no picture to name yet; please choose one for the question.',
    () => kit.model.check({ concepts: [kit.concept('wug'), kit.concept('dax')], query: null }),
  ],
  [
    'picture-unreadable',
    '“notes.png” is not a picture, or it is damaged; please choose another file.',
    () => kit.model.addPicture(new File(['not a picture'], 'notes.png')),
  ],
  [
    'picture-unsupported',
    '“scan.tif” is in a format that neither this page nor this browser can read; please save it as PNG or JPEG.',
    () => kit.model.addPicture(new File([new Uint8Array([73, 73, 42, 0, 8, 0, 0, 0])], 'scan.tif')),
  ],
  [
    'picture-too-large-file',
    '“huge.png” has 31 MB and the limit is 30 MB; please choose a smaller copy.',
    () => kit.model.addPicture(new File([new Uint8Array(31_000_000)], 'huge.png')),
  ],
  [
    'picture-unknown',
    'is no longer among the pictures; please add it again.',
    () => kit.check([kit.concept('wug'), { name: 'dax', pictures: [{ key: 'gone' }] }]),
  ],
  [
    'not-loaded',
    'The model is not loaded yet; please load it first.',
    () => kit.model.link([kit.concept('wug'), kit.concept('dax')]),
  ],
  [
    'sequence-too-long',
    /^This episode needs [\d,]+ tokens and the model can read 256; please remove a few pictures\.$/,
    async () => {
      await kit.model.load({ device: 'cpu' });
      await kit.model.link([kit.concept('蘑菇'.repeat(30), 8), kit.concept('刺猬'.repeat(30), 8)]);
    },
  ],
  [
    'episode-unreadable',
    /^This is no episode, or it is damaged \(.+\); please ask for it to be sent again, as a file perhaps\.$/,
    () => kit.model.openEpisode(new Blob(['{}'])),
  ],
  [
    'episode-version',
    'This episode was made by a newer version of this page; please reload the page and open it again.',
    () => kit.open({ version: 999 }),
  ],
  [
    'episode-picture',
    /^Picture 1 of this episode cannot be read \(.+\); please save the episode again\.$/,
    () => kit.open({ pictures: [{ name: 'a.webp', data: 'data:image/webp;base64,AAAA' }] }),
  ],
  [
    'episode-too-large',
    'This episode has 32,000,001 bytes and the limit is 32,000,000; please save it with fewer pictures.',
    () => kit.model.openEpisode(new Blob([new Uint8Array(32_000_001)])),
  ],
  [
    'episode-link-long',
    /^Even with the smallest pictures the link has [\d,]+ characters, more than 100; please choose a longer link, take fewer pictures, or save a file\.$/,
    () =>
      kit.model.linkEpisode(
        {
          concepts: [kit.concept('wug'), kit.concept('dax')],
          queries: [kit.picture],
          asked: 0,
          pack: null,
          answers: [],
        },
        { address: location.href, limit: 100 },
      ),
  ],
  [
    'folder-concepts-few',
    'The test needs two subfolders with enough readable pictures, and this folder has 1; please choose one with a subfolder for each kind of thing.',
    () => kit.model.listFolder(kit.files({ wug: 2, dax: 1 })),
  ],
  [
    'folder-concepts-many',
    '“kind-20” is left out: the folder has more than 20 subfolders.',
    () =>
      kit.leftOut(
        Object.fromEntries(
          [...Array(21).keys()].map((index) => [`kind-${String(index).padStart(2, '0')}`, 2]),
        ),
      ),
  ],
  [
    'folder-pictures-many',
    'Of “wug” the first 50 of 51 pictures are used.',
    () => kit.leftOut({ dax: 2, wug: 51 }),
  ],
  [
    'folder-pictures-few',
    '“wug” is left out: it has 2 readable pictures, and 3 are needed.',
    async () => {
      await kit.model.load({ device: 'cpu' });
      const test = await kit.model.testFolder({
        names: ['blicket', 'dax', 'wug'],
        shots: 2,
        episodes: 1,
      });
      const { square } = kit.picture;
      const file = await kit.blobOf(square);
      for (const [concept, count] of [
        [0, 3],
        [1, 3],
        [2, 2],
      ]) {
        for (let place = 0; place < count; place += 1) {
          await test.addPicture({
            file: new File([file], `${place}.png`),
            path: `${concept}/${place}.png`,
            place,
            concept,
          });
        }
      }
      throw (await test.begin())[0];
    },
  ],
  [
    'folder-file-outside',
    '“loose.png” is left out: it lies in no subfolder.',
    async () => {
      const { skipped } = await kit.model.listFolder([
        ...kit.files({ wug: 2, dax: 2 }),
        { path: 'loose.png', bytes: 1000 },
      ]);
      throw skipped[0];
    },
  ],
  [
    'pack-incomplete',
    /^A part of the model is missing \(“.+\.bin”\); please press Load again\.$/,
    async () => {
      const { loader, tokenizer } = await kit.program();
      loader.finish(tokenizer);
    },
  ],
  [
    'busy',
    'The model is still at work on another question; wait for it or stop it first.',
    async () => {
      const { loader, tokenizer, Pictures, shards } = await kit.program();
      for (const [index, bytes] of shards.entries()) await loader.push(index, bytes);
      const session = loader.finish(tokenizer);
      const pictures = new Pictures();
      const { id } = pictures.add('a.webp', kit.file);
      const support = { concepts: ['wug', 'dax'].map((name) => ({ name, pictures: [id] })) };
      const first = session.link(pictures, support);
      await session.link(pictures, support).finally(() => first);
    },
  ],
  [
    'internal',
    /^Something went wrong inside the model \(.+\); your board is unchanged, please ask again\.$/,
    () => kit.model.compareAnswers({ name: 'wug' }, { no: 'answer' }, null),
  ],
];

/** What the provocations need. Runs in the page. */
async function makeKit(address) {
  const [{ LinkContext }, { sentence }, { asFailure }] = await Promise.all(
    ['pkg/index.js', 'texts.js', 'engine.js'].map((path) => import(new URL(path, location))),
  );
  const model = new LinkContext({ pack: new URL('pack/', location) });
  const bytesOf = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
  const bytes = await bytesOf(address);
  const picture = await model.addPicture(new Blob([bytes]));
  const concept = (name, count = 1) => ({ name, pictures: Array(count).fill(picture) });
  const files = (counts) =>
    Object.entries(counts).flatMap(([name, count]) =>
      [...Array(count).keys()].map((index) => ({ path: `${name}/${index}.png`, bytes: 1000 })),
    );
  globalThis.kit = {
    model,
    picture,
    concept,
    files,
    file: bytes,
    // The program itself, without a worker that would keep order.
    program: async () => {
      const { default: begin, ...program } = await import(new URL('pkg/link_context.js', location));
      const fetched = await import(new URL('pkg/program.js', location));
      await begin({ module_or_path: fetched.program() });
      const manifest = await (await fetch('pack/manifest.json')).text();
      const loader = await program.PackLoader.open(manifest, 'cpu');
      const { tokenizer, shards } = loader.files();
      const [tables, ...rest] = await Promise.all(
        [tokenizer, ...shards].map(({ path }) => bytesOf(`pack/${path}`)),
      );
      return { ...program, loader, tokenizer: tables, shards: rest };
    },
    check: (concepts) => model.check({ concepts, query: picture }),
    leftOut: async (counts) => {
      const { skipped } = await model.listFolder(files(counts));
      throw skipped[0];
    },
    open: async (changed) => {
      const text = await (
        await model.saveEpisode({
          concepts: [concept('wug'), concept('dax')],
          queries: [picture],
          asked: 0,
          pack: null,
          answers: [],
        })
      ).text();
      return model.openEpisode(new Blob([JSON.stringify({ ...JSON.parse(text), ...changed })]));
    },
    blobOf: (square) => {
      const canvas = new OffscreenCanvas(square.width, square.height);
      canvas.getContext('2d').putImageData(square, 0, 0);
      return canvas.convertToBlob();
    },
    told: (thrown) => {
      const error = asFailure(thrown);
      return { code: error.code, sentence: sentence(error) };
    },
  };
}

const [{ concepts }] = gallery;
const [, anyPicture] = concepts[0].pictures[0].split('/www/');

test('what the program refuses is told in full', async ({ page }) => {
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  for (const [code, sentence, provoke] of inProgram) {
    await test.step(code, async () => {
      await page.evaluate(makeKit, anyPicture); // a model that nothing was loaded into yet
      const told = await page.evaluate(
        `(${provoke})().then(() => null, (thrown) => kit.told(thrown)).finally(() => kit.model.close())`,
      );
      expect.soft(told?.code).toBe(code);
      if (typeof sentence === 'string') expect.soft(told?.sentence).toContain(sentence);
      else expect.soft(told?.sentence).toMatch(sentence);
      expect.soft(told?.sentence).not.toMatch(/[{}]|undefined|NaN/);
    });
  }
});

/** As those above, but for the page's own: `before` it opens, at an address, and `then` on it. */
const ofPage = [
  {
    code: 'episode-address',
    sentence: '“ftp://example.com/x.lcl.json” is no address of an episode; please check the link.',
    address: './?episode=ftp%3A%2F%2Fexample.com%2Fx.lcl.json',
  },
  {
    code: 'gallery-missing',
    sentence:
      'The ready examples could not be fetched (“gallery.json”); your own pictures work all the same.',
    before: (page) =>
      page.route('**/gallery/gallery.json', (route) => route.fulfill({ status: 404 })),
  },
  {
    code: 'no-picture-file',
    sentence:
      'There was no picture in what you dropped; please drop picture files from this device.',
    then: (page) =>
      page.evaluate(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.setData('text/plain', 'words');
        const zone = document.querySelector('[data-testid="concept-0"]');
        zone.dispatchEvent(
          new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }),
        );
      }),
  },
];

for (const { code, sentence, address = './', before, then } of ofPage) {
  test(code, async ({ page }) => {
    await serveTiny(page);
    await before?.(page);
    await page.goto(address);
    if (then) {
      await expect(page.getByTestId('answer-name')).not.toBeEmpty();
      await then(page);
    }
    const message = page.getByTestId('message').and(page.locator(`[data-code="${code}"]`));
    await expect(message.locator('.message-lines > p').first()).toHaveText(sentence);
  });
}

test('every failure of the program and of the page has a sentence, and a test that provokes it', () => {
  const below = (folder, name) =>
    readdirSync(new URL(folder, root), { recursive: true })
      .filter((path) => name.test(path))
      .map((path) => read(`${folder}${path}`));
  const found = (texts, pattern) =>
    texts.flatMap((source) => [...source.matchAll(pattern)].map(([, code]) => code));
  // What stands in a `code()` of an error, is thrown by the worker, or is one of the page's own.
  const codes = new Set([
    ...found(below('src/', /\.rs$/), /=> "([a-z]+-[a-z-]+|internal)",/g),
    ...found(below('src/', /^(web|folder).*\.rs$/), /new\(\s*"([a-z]+-[a-z-]+|internal)"/g),
    ...found(below('npm/pkg/', /\.js$/), /code: '([a-z-]+)'/g),
    ...found(below('www/', /^\w+\.js$/), /failure\(\s*'([a-z-]+)'/g),
  ]);
  // It is no failure to stop, and the page's board has no question that could be one too many.
  for (const code of ['cancelled', 'queries-too-many']) codes.delete(code);
  const told = Object.keys(english).filter((key) => key.startsWith('error-'));
  expect([...codes].filter((code) => !(`error-${code}` in english))).toEqual([]);

  const specs = ['failures', 'input', 'share'].map((name) => read(`tests/browser/${name}.spec.js`));
  const provoked = new Set([
    ...[...inProgram.map(([code]) => code), ...ofPage.map(({ code }) => code)],
    ...found(specs, /(?:code: |data-code', |expectMessage\(page, |^ {4}\[)'([a-z-]+)'/gm),
  ]);
  expect(told.filter((key) => !provoked.has(key.slice('error-'.length)))).toEqual([]);
});
