// What can go wrong, each thing provoked: it ends in its sentence and what can be done about it, and the board stays as it was. With the tiny
// model of tests/fixtures/tiny. LINK_CONTEXT_FAILURES=FILE writes its table into docs/reliability.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { gallery, recordingOf } from './gallery.js';
import { FLAGS } from './measured.js';
import { serveTiny, shards } from './tiny.js';
import { inWorker } from './worker.js';

const episode = gallery.find(({ id }) => id === 'robots');
const [shard] = shards;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

const chooses = (device) => (page) => page.getByTestId('device-select').selectOption(device);

async function asks(page, device = 'webgpu') {
  await chooses(device)(page);
  await page.getByTestId('ask').click();
}

/** Changes what comes from an address. */
const answered = (address, how) => (page) => page.route(address, how);

const file = (name, mimeType, buffer) => ({ name, mimeType, buffer });
const adds = (given) => (page) => page.getByTestId('concept-files-0').setInputFiles(given);
const opens = (content) => (page) =>
  page
    .getByTestId('file-open')
    .setInputFiles(file('given.lcl.json', 'application/json', Buffer.from(content)));

const vast = readFileSync(new URL('../fixtures/pictures/vast.png', import.meta.url));

/** The program with a memory that cannot grow beyond `pages` more than it begins with. */
async function withLittleMemory(page, pages) {
  await page.route('**/pkg/program.js', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      body: `
        export async function program() {
          const response = await fetch(new URL('./link_context_bg.bin', import.meta.url));
          const stream = response.body.pipeThrough(new DecompressionStream('deflate'));
          const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
          return WebAssembly.compile(bounded(bytes));
        }
        ${bounded}
      `.replace('MORE_PAGES', String(pages)),
    }),
  );
}

/** A module whose own memory has a maximum: the fifth section says so. Runs in the worker; MORE_PAGES is filled in before. */
function bounded(bytes) {
  const read = (at) => {
    let [value, shift, next] = [0, 0, at];
    for (;;) {
      const byte = bytes[next++];
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return [value, next];
    }
  };
  const written = (value) => {
    const out = [];
    for (let left = value; ; left >>>= 7) {
      if (left < 0x80) return [...out, left];
      out.push((left & 0x7f) | 0x80);
    }
  };
  for (let at = 8; at < bytes.length; ) {
    const kind = bytes[at];
    const [length, start] = read(at + 1);
    if (kind === 5) {
      const [least] = read(start + 2);
      const body = [1, 1, ...written(least), ...written(least + MORE_PAGES)];
      return new Uint8Array([
        ...bytes.subarray(0, at),
        5,
        ...written(body.length),
        ...body,
        ...bytes.subarray(start + length),
      ]);
    }
    at = start + length;
  }
  throw new Error('the module has no memory');
}

/**
 * One a failure: `before` the page opens and `then` on it; `code` of the message, or none where all goes on without one, and then what is seen;
 * `action` that the message offers, and whether it `mends`: an answer comes after it.
 */
const failures = [
  {
    what: 'the browser has no WebGPU',
    before: (page) =>
      inWorker(page, () => Object.defineProperty(navigator, 'gpu', { value: undefined })),
    then: chooses('webgpu'),
    code: 'device-unavailable',
    words: 'no WebGPU',
    action: 'processor',
  },
  {
    what: 'WebGPU finds no adapter',
    before: (page) =>
      inWorker(page, () => {
        GPU.prototype.requestAdapter = async () => null;
      }),
    then: chooses('webgpu'),
    code: 'device-unavailable',
    words: 'no graphics adapter',
    action: 'processor',
  },
  {
    what: 'the adapter lacks a feature that we need',
    before: (page) =>
      inWorker(page, () =>
        Object.defineProperty(GPUAdapter.prototype, 'features', { get: () => new Set() }),
      ),
    then: chooses('webgpu'),
    code: 'device-unavailable',
    words: 'timestamp',
    action: 'processor',
  },
  {
    what: 'the adapter refuses a device',
    before: (page) =>
      inWorker(page, () => {
        GPUAdapter.prototype.requestDevice = async () => {
          throw new DOMException('refused', 'OperationError');
        };
      }),
    then: chooses('webgpu'),
    code: 'device-unavailable',
    words: 'refused a device',
    action: 'processor',
  },
  {
    what: 'the device is lost while the examples are read',
    before: (page) => losesDevices(page, 'link'),
    then: asks,
    code: 'device-lost',
    action: 'processor',
    mends: true,
  },
  {
    what: 'the device is lost while the answer is written',
    before: (page) => losesDevices(page, 'answer'),
    then: asks,
    code: 'device-lost',
    action: 'processor',
    mends: true,
  },
  {
    what: 'the memory of the graphics card is full',
    before: (page) =>
      atStage(page, 'link', (devices) => {
        const error = new GPUOutOfMemoryError('full');
        for (const device of devices) {
          device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
        }
      }),
    then: asks,
    code: 'out-of-memory',
    action: 'processor',
    mends: true,
  },
  {
    what: 'the memory of the program is full',
    before: (page) => withLittleMemory(page, 40),
    then: (page) => asks(page, 'cpu'),
    code: 'out-of-memory',
    action: 'again',
  },
  {
    what: 'the program traps, again and again',
    before: (page) =>
      atStage(page, 'link', () => {
        throw new WebAssembly.RuntimeError('unreachable');
      }),
    then: (page) => asks(page, 'cpu'),
    code: 'worker-crashed',
    action: 'again',
  },
  {
    what: 'the program cannot be fetched',
    before: answered('**/pkg/link_context_bg.bin', (route) => route.abort()),
    code: 'engine-missing',
    action: 'reload',
  },
  {
    what: 'the browser cannot run the program (no SIMD, say)',
    before: (page) =>
      inWorker(page, () => {
        const refuse = async () => {
          throw new WebAssembly.CompileError('invalid SIMD opcode');
        };
        Object.assign(WebAssembly, { instantiateStreaming: refuse, instantiate: refuse });
      }),
    code: 'engine-missing',
    action: 'reload',
  },
  {
    what: 'the browser has no WebAssembly',
    before: (page) => page.addInitScript(() => delete globalThis.WebAssembly),
    code: 'wasm-missing',
  },
  {
    what: "the model's list of files is missing",
    before: answered('**/pack/manifest.json', (route) => route.fulfill({ status: 404 })),
    code: 'pack-missing',
    action: 'load',
  },
  {
    what: "the model's list of files is no list",
    before: answered('**/pack/manifest.json', (route) => route.fulfill({ body: '{"no": "list"}' })),
    code: 'pack-manifest',
    action: 'reload',
  },
  {
    what: 'the model is of another version',
    before: answered('**/pack/manifest.json', async (route) => {
      const path = new URL('../fixtures/tiny/pack/manifest.json', import.meta.url);
      const json = { ...JSON.parse(readFileSync(path, 'utf8')), version: 999 };
      return route.fulfill({ json });
    }),
    code: 'pack-version',
    action: 'reload',
  },
  {
    what: 'a file of the model is missing',
    before: answered(`**/pack/${shard.path}`, (route) => route.fulfill({ status: 404 })),
    then: (page) => asks(page, 'cpu'),
    code: 'pack-missing',
    action: 'load',
  },
  {
    what: 'a file of the model is cut short',
    before: answered(`**/pack/${shard.path}`, (route) =>
      route.fulfill({ body: Buffer.alloc(shard.bytes - 1) }),
    ),
    then: (page) => asks(page, 'cpu'),
    code: 'pack-shard-truncated',
    action: 'load',
  },
  {
    what: 'a file of the model is damaged',
    before: answered(`**/pack/${shard.path}`, (route) =>
      route.fulfill({ body: Buffer.alloc(shard.bytes, 1) }),
    ),
    then: (page) => asks(page, 'cpu'),
    code: 'pack-shard-corrupt',
    action: 'load',
  },
  {
    what: 'the network goes',
    before: answered(`**/pack/${shard.path}`, (route) => route.abort('internetdisconnected')),
    then: (page) => asks(page, 'cpu'),
    code: 'download-interrupted',
    action: 'load',
  },
  {
    what: 'the storage is full',
    before: async (page, baseURL) => {
      const session = await page.context().newCDPSession(page);
      const { origin } = new URL(baseURL);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 });
    },
    then: (page) => asks(page, 'cpu'),
    answers: true,
  },
  {
    what: 'the storage is denied',
    before: async (page) => {
      await inWorker(page, () => {
        navigator.storage.getDirectory = () => Promise.reject(new DOMException('denied'));
      });
      await page.addInitScript(() => {
        for (const name of ['localStorage', 'caches']) {
          const get = () => {
            throw new DOMException('denied', 'SecurityError');
          };
          Object.defineProperty(globalThis, name, { get });
        }
      });
    },
    then: (page) => asks(page, 'cpu'),
    answers: true,
  },
  {
    what: 'a picture is damaged',
    then: adds(file('cut.png', 'image/png', vast.subarray(0, 20))),
    code: 'picture-unreadable',
    words: 'cut.png',
  },
  {
    what: 'a picture has a huge raster in a small file',
    then: adds(file('vast.png', 'image/png', vast)),
    code: 'picture-too-many-pixels',
    words: 'vast.png',
  },
  {
    what: 'a picture has a huge file',
    then: adds(file('huge.png', 'image/png', Buffer.alloc(31_000_000))),
    code: 'picture-too-large-file',
    words: 'huge.png',
  },
  {
    what: 'a file is called a picture and is none',
    then: adds(file('page.png', 'image/png', Buffer.from('<script>alert(1)</script>'))),
    code: 'picture-unreadable',
    words: 'page.png',
  },
  {
    what: 'an episode file is hostile',
    then: opens(
      '{"format":"link-context-episode","version":1,"concepts":[{"name":"a","pictures":[7]}],"queries":[],"settings":{"asked":4000000000},"pictures":[]}',
    ),
    code: 'episode-unreadable',
  },
  {
    what: 'an episode file nests a hundred thousand brackets',
    then: opens('['.repeat(100_000)),
    code: 'episode-unreadable',
  },
  {
    what: 'a link is hostile',
    then: async (page) => {
      // From then on it listens to the address.
      await expect(page.getByTestId('model-state')).toContainText('to download');
      await page.evaluate(() => (location.hash = `episode=1.${'A'.repeat(4000)}%00<img src=x>`));
    },
    code: 'episode-unreadable',
  },
  {
    what: 'the camera is denied',
    before: (page) =>
      page.addInitScript(() => {
        navigator.mediaDevices.getUserMedia = () =>
          Promise.reject(new DOMException('denied', 'NotAllowedError'));
      }),
    then: (page) => page.getByTestId('query-camera').click(),
    code: 'camera-unavailable',
  },
  {
    what: 'a shader is refused',
    alone: true, // the browser's GPU process may crash
    before: (page) =>
      inWorker(page, () => {
        const create = GPUDevice.prototype.createShaderModule;
        GPUDevice.prototype.createShaderModule = function (given) {
          return create.call(this, { ...given, code: 'no shader' });
        };
      }),
    then: asks,
    code: 'device-lost',
    action: 'processor',
    mends: true,
  },
];

/** Does something in the worker, with its graphics devices, when the support set is read or the first token has come. */
async function atStage(page, when, act) {
  const prelude = `() => {
    const devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (given) {
      const device = await request.call(this, given);
      devices.push(device);
      return device;
    };
    const post = self.postMessage;
    self.postMessage = (message, ...rest) => {
      post.call(self, message, ...rest);
      if (message.stage === '${when}') setTimeout(() => (${act})(devices), 1);
    };
  }`;
  await inWorker(page, prelude);
}

const losesDevices = (page, when) =>
  atStage(page, when, (devices) => devices.forEach((device) => device.destroy()));

const boardOf = async (page) => ({
  names: await page
    .getByTestId(/^concept-name-\d+$/)
    .evaluateAll((all) => all.map((one) => one.value)),
  pictures: await page.getByTestId(/^picture-\d+$/).count(),
  queries: await page.getByTestId(/^query-choice-\d+$/).count(),
});

const whole = {
  names: episode.concepts.map(({ name }) => name),
  pictures: episode.concepts.flatMap(({ pictures }) => pictures).length,
  queries: episode.queries.length,
};

/** An answer that was computed here, not the recorded one. */
const expectAnswer = (page) => expect(page.getByTestId('answer-device')).toContainText(/CPU|GPU/);

const rows = [];

test.describe('when', () => {
  test('a device is lost once, the question is answered all the same', async ({ page }) => {
    await serveTiny(page);
    await losesOnce(page);
    await page.goto('./');
    await expect(page.getByTestId('answer-name')).not.toBeEmpty();
    await asks(page);
    await expectAnswer(page);
    await expect(page.getByTestId('message')).toHaveCount(0);
    expect(await page.evaluate(() => localStorage.getItem('lost'))).toBe('1');
    rows.push({
      what: 'a device is lost once',
      says: 'nothing: asked again by itself',
      action: '',
    });
  });

  test('no script runs, one sentence says what is needed', async ({ browser, baseURL }) => {
    const context = await browser.newContext({ baseURL, javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto('./');
    await expect(page.getByTestId('boot')).toContainText('needs JavaScript modules');
    const says = await page.locator('#boot p').textContent();
    rows.push({ what: 'the browser runs no modules', says, action: '' });
    await context.close();
  });

  for (const { what, alone, before, then, code, words = '', action, mends, answers } of failures) {
    test(what, async ({ page: shared, baseURL, playwright }) => {
      const browser =
        alone && (await playwright.chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));
      const page = browser ? await browser.newPage({ baseURL }) : shared;
      await serveTiny(page);
      await before?.(page, baseURL);
      await page.goto('./');
      await expect(page.getByTestId('answer-name')).not.toBeEmpty();
      await then?.(page);
      if (answers) {
        await expectAnswer(page);
        rows.push({ what, says: 'nothing: all goes on', action: '' });
      } else {
        const message = page.getByTestId('message');
        await expect(message).toHaveAttribute('data-code', code);
        await expect(message).toContainText(words);
        await expect(message).not.toContainText(/[{}]/);
        if (action) await expect(page.getByTestId(`message-${action}`)).toBeVisible();
        const says = await message.locator('.message-lines > p').first().textContent();
        const label = action ? await page.getByTestId(`message-${action}`).textContent() : '';
        rows.push({ what, says, action: label });
      }
      expect(await boardOf(page)).toEqual(whole);
      if (mends) {
        await page.getByTestId(`message-${action}`).click();
        await expectAnswer(page);
        expect(await boardOf(page)).toEqual(whole);
      }
      if (browser) await browser.close();
    });
  }
});

/** As `losesDevices`, in the first worker alone. */
async function losesOnce(page) {
  await losesDevices(page, 'answer');
  let started = 0;
  await page.route('**/pkg/worker.js', async (route) => {
    started += 1;
    if (started === 1) {
      await page.evaluate(() => localStorage.setItem('lost', '1'));
      return route.fallback();
    }
    return route.fulfill({ response: await route.fetch() });
  });
}

test('a worker that traps while it is given its pictures ends in a sentence, too', async ({
  page,
}) => {
  await serveTiny(page);
  const trap = `setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); })`;
  // The first traps when it is asked, the second before it can be; the third works.
  const preludes = [
    `const post = self.postMessage;
     self.postMessage = (message) => {
       post.call(self, message);
       if (message.stage === 'link') ${trap};
     };`,
    `self.addEventListener('message', ({ data }) => {
       if (data.kind === 'add-picture') ${trap};
     });`,
  ];
  await page.route('**/pkg/worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${preludes.shift() ?? ''}\n${await response.text()}` });
  });
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await asks(page, 'cpu');
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'worker-crashed');
  await page.getByTestId('message-again').click();
  await expectAnswer(page);
  expect(await boardOf(page)).toEqual(whole);
});

test('a graphics card in name alone is taken when it is asked for, and not as the best there is', async ({
  page,
}) => {
  await serveTiny(page);
  await page.goto('./');
  const device = page.getByTestId('device');
  await expect(device).toContainText('Processor. WebGPU has no graphics card here');
  await page.getByTestId('device-select').selectOption('webgpu');
  await expect(device).toContainText('Graphics card. As you chose.');
  await page.getByTestId('device-select').selectOption('auto');
  await expect(device).toContainText('Processor. WebGPU has no graphics card here');
});

test('a device that is asked for twice at once is opened once, for both', async ({ page }) => {
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('model-state')).toContainText('MB');
  const kinds = await page.evaluate(async () => {
    const { LinkContext } = await import(new URL('pkg/index.js', location));
    const model = new LinkContext({ pack: new URL('pack/', location) });
    const opened = await Promise.all([1, 2].map(() => model.open({ device: 'webgpu' })));
    await model.load({ device: 'webgpu' });
    model.close();
    return opened.map(({ device }) => device.kind);
  });
  expect(kinds).toEqual(['webgpu', 'webgpu']);
});

test('a report has what is needed and neither names nor pictures', async ({ page }) => {
  await page.route('**/pack/manifest.json', (route) => route.fulfill({ status: 404 }));
  await page.goto('./');
  await page.getByTestId('message-report').locator('summary').click();
  const report = await page.getByTestId('message-report').locator('pre').textContent();
  expect(report).toContain('code: pack-missing');
  expect(report).toContain('browser: ');
  for (const { name } of episode.concepts) expect(report).not.toContain(name);
});

test('a board is there again after a reload, unless that is not wanted', async ({ page }) => {
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await page.getByTestId('concept-name-0').fill('blicket');
  await page.getByTestId('picture-remove-0').click();
  const kept = () => page.evaluate(async () => Boolean(await caches.match('draft.lcl.json')));
  await expect.poll(kept).toBe(true);
  await page.reload();
  await expect(page.getByTestId('concept-name-0')).toHaveValue('blicket');
  expect((await boardOf(page)).pictures).toBe(whole.pictures - 1);
  await page.getByTestId('draft-keep').uncheck();
  await expect.poll(kept).toBe(false);
  await page.reload();
  await expect(page.getByTestId('concept-name-0')).toHaveValue(episode.concepts[0].name);
  await expect(page.getByTestId('draft-keep')).not.toBeChecked();
  await expect(page.getByTestId('answer-name')).toHaveText(
    recordingOf('robots').queries[0].answer.name,
  );
});

test('a board that could not be read is not lost', async ({ page }) => {
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await page.getByTestId('concept-name-0').fill('blicket');
  const kept = () => page.evaluate(async () => Boolean(await caches.match('draft.lcl.json')));
  await expect.poll(kept).toBe(true);
  const program = '**/pkg/link_context_bg.bin';
  await page.route(program, (route) => route.abort());
  await page.reload();
  await expect(page.getByTestId('concept-name-0')).toHaveValue(episode.concepts[0].name);
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'engine-missing');
  // Longer than the page waits before it keeps what is on the board.
  await page.waitForTimeout(2000);
  expect(await kept()).toBe(true);
  await page.unroute(program);
  await page.reload();
  await expect(page.getByTestId('concept-name-0')).toHaveValue('blicket');
});

test.afterAll(() => {
  const path = process.env.LINK_CONTEXT_FAILURES;
  if (!path) return;
  const lines = rows.map(({ what, says, action }) => `| ${what} | ${says} | ${action} |`);
  const head = [
    `${rows.length} failures were provoked:`,
    '',
    '| when | the page says | and offers |',
  ];
  const table = [...head, '| --- | --- | --- |', ...lines].join('\n');
  const marked = /(<!-- failures -->\n)[^]*(<!-- end of failures -->)/;
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(marked, (_, start, end) => `${start}\n${table}\n\n${end}`),
  );
});
