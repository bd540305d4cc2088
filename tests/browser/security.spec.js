// Texts that would be code if anything took them for it: as names, as names of files, inside pictures, in episode files and in links. None
// runs, none makes an element, none breaks the layout; and the policies that stand behind that are really there.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { emptyBoard, fillBoard, gallery } from './gallery.js';
import { serveTiny } from './tiny.js';

const hit = 'window.hit=1';
const attacks = [
  `<script>${hit}</script>`,
  `<img src=x onerror="${hit}">`,
  `<svg onload=${hit}>`,
  `<svg><script>${hit}</script></svg>`,
  `<iframe src="javascript:parent.${hit}">`,
  `<iframe srcdoc="<script>parent.${hit}</script>">`,
  `<body onload=${hit}>`,
  `<input autofocus onfocus=${hit}>`,
  `<details open ontoggle=${hit}>`,
  `<video><source onerror="${hit}">`,
  `<math><mtext><table><mglyph><style><img src=x onerror=${hit}>`,
  `"><script>${hit}</script>`,
  `'><img src=x onerror=${hit}>`,
  `" onmouseover="${hit}" x="`,
  `' autofocus onfocus='${hit}`,
  '</title><script>window.hit=1</script>',
  '</style><script>window.hit=1</script>',
  '</textarea><script>window.hit=1</script>',
  '--><script>window.hit=1</script><!--',
  ']]><script>window.hit=1</script>',
  'javascript:window.hit=1',
  'data:text/html,<script>parent.hit=1</script>',
  '${window.hit=1}',
  '{{constructor.constructor("window.hit=1")()}}',
  '{subject}{name}{detail}',
  '__proto__',
  'constructor',
  '%3Cscript%3Ewindow.hit=1%3C/script%3E',
  '&lt;script&gt;window.hit=1&lt;/script&gt;',
  '\\u003cscript\\u003ewindow.hit=1',
  '../../../etc/passwd',
  "'; DROP TABLE concepts; --",
  '=HYPERLINK("http://x.test","y")',
  '\u202eevil\u202c \u2066x\u2069',
  'a\u0300'.repeat(32),
  'W'.repeat(64),
  '\u{1F994}'.repeat(32),
];

const version1 = JSON.parse(
  readFileSync(new URL('../fixtures/episodes/version-1.lcl.json', import.meta.url), 'utf8'),
);

/** What of the page only a text that was taken for code could have changed. */
const made = (page) =>
  page.evaluate(() => ({
    hit: window.hit,
    elements: ['script', 'iframe', 'object', 'embed', 'style', 'video', 'math', 'base']
      .map((name) => document.querySelectorAll(name).length)
      .join(' '),
    handlers: [...document.querySelectorAll('*')].filter((node) =>
      [...node.attributes].some(
        ({ name, value }) => /^on/.test(name) || /^javascript:/.test(value),
      ),
    ).length,
    title: document.title,
  }));

/** How far something reaches beyond the width of the page. */
const beyond = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

let before;

test.beforeEach(async ({ page }) => {
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await expect(page.getByTestId('model-state')).toContainText('to download');
  before = await made(page);
  page.on('dialog', () => page.evaluate(() => (window.hit = 'dialog')));
});

test.afterEach(async ({ page }) => {
  expect(await made(page)).toEqual(before);
});

for (const width of [1280, 390]) {
  test(`as a name, at ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    for (const attack of attacks) {
      await page.getByTestId('concept-name-0').fill(attack);
      await page.getByTestId('concept-name-1').fill(attack);
      await page.getByTestId('ask').click();
      await expect(page.getByTestId('message')).toBeVisible();
      await page.getByTestId('message-close').click();
      expect(await beyond(page), attack).toBeLessThanOrEqual(0);
      expect(await made(page), attack).toEqual(before);
    }
  });
}

test('as a name in an answer', async ({ page }) => {
  await page.getByTestId('device-select').selectOption('cpu');
  await emptyBoard(page);
  const { concepts, queries } = gallery[0];
  const named = concepts.map(({ pictures }, index) => ({ name: attacks[index], pictures }));
  await fillBoard(page, { concepts: named, queries }, 1);
  await page.getByTestId('ask').click();
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
  await expect(page.getByTestId('probability-0')).toContainText(attacks[0]);
  await expect(page.getByTestId('probability-1')).toContainText(attacks[1]);
});

test('as the name of a file, of a picture and of none', async ({ page }) => {
  const picture = readFileSync(gallery[0].queries[0].file);
  for (const attack of attacks) {
    for (const buffer of [picture, Buffer.from(attack)]) {
      const file = { name: `${attack.replaceAll('/', '∕')}.webp`, mimeType: 'image/webp', buffer };
      await page.getByTestId('query-files').setInputFiles(file);
    }
    await expect(page.getByTestId('message')).toHaveAttribute('data-code', /^picture-un/);
    await page.getByTestId('undo').click();
    expect(await made(page), attack).toEqual(before);
    expect(await beyond(page), attack).toBeLessThanOrEqual(0);
  }
});

test('inside a picture', async ({ page }) => {
  const jpeg = readFileSync(new URL('../fixtures/pictures/grey.jpg', import.meta.url));
  for (const attack of attacks) {
    const text = Buffer.from(attack);
    // One entry, ImageDescription, as the whole of the EXIF data; and a comment.
    const head = Buffer.from(
      '45786966000049492a0008000000010010e0020000000000001a00000000000000',
      'hex',
    );
    head[16] = 0x0e;
    head[17] = 0x01;
    head.writeUInt32LE(text.length, 20);
    const segment = (marker, data) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(data.length + 2);
      return Buffer.concat([Buffer.from([0xff, marker]), length, data]);
    };
    const exif = segment(0xe1, Buffer.concat([head, text]));
    const buffer = Buffer.concat([
      jpeg.subarray(0, 2),
      exif,
      segment(0xfe, text),
      jpeg.subarray(2),
    ]);
    await page
      .getByTestId('query-files')
      .setInputFiles({ name: 'a.jpg', mimeType: 'image/jpeg', buffer });
    await expect(page.getByRole('img', { name: 'a.jpg' }).first()).toBeVisible();
    await page.getByTestId('undo').click();
    expect(await made(page), attack).toEqual(before);
  }
});

test('in every text of an episode file', async ({ page }) => {
  const open = (json) =>
    page.getByTestId('file-open').setInputFiles({
      name: 'a.lcl.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(json)),
    });
  for (const [place, attack] of attacks.entries()) {
    const names = structuredClone(version1);
    names.concepts.forEach((concept, index) => (concept.name = `${attack}${index || ''}`));
    names.pictures.forEach((picture) => (picture.name = attack));
    delete names.answers;
    await open(names);
    await expect(page.getByTestId('concept-name-0')).toHaveValue(attack);
    expect(await beyond(page), attack).toBeLessThanOrEqual(0);
    // And where no such text belongs.
    const key = ['format', 'pack', 'settings', 'queries', attack][place % 5];
    await open({ ...version1, [key]: attack });
    await expect(page.getByTestId('message')).toHaveAttribute('data-code', /^episode-/);
    expect(await made(page), attack).toEqual(before);
  }
});

test('in an address', async ({ page }) => {
  for (const attack of attacks) {
    await page.evaluate((text) => (location.hash = `episode=1.${text}`), attack);
    await expect(page.getByTestId('message')).toHaveAttribute('data-code', /^episode-/);
    await page.getByTestId('message-close').click();
    expect(await made(page), attack).toEqual(before);
  }
});

test('nothing runs that the policies forbid', async ({ page }) => {
  const refused = await page.evaluate(async () => {
    const tries = {
      inline: () => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = 1';
        document.body.append(script);
        return window.ran === undefined;
      },
      html: () => {
        document.createElement('div').innerHTML = '<b>bold</b>';
        return false;
      },
      evaluated: () => {
        (0, eval)('window.ran = 1');
        return false;
      },
      worker: () => {
        new Worker('texts.js');
        return false;
      },
    };
    const found = {};
    // What a test evaluates may itself evaluate; what it sets a timer for may not.
    await new Promise((done) =>
      setTimeout(() => {
        for (const [name, attempt] of Object.entries(tries)) {
          try {
            found[name] = attempt();
          } catch {
            found[name] = true;
          }
        }
        done();
      }),
    );
    found.elsewhere = await fetch('https://elsewhere.test/').then(
      () => false,
      () => true,
    );
    return found;
  });
  expect(refused).toEqual({
    inline: true,
    html: true,
    evaluated: true,
    worker: true,
    elsewhere: true,
  });
});
