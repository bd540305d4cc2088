// An episode that leaves the page as a file or a link and comes to another browser, which has never seen the page before.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import jsQR from 'jsqr';
import { chooseQuery, emptyBoard, fillBoard, gallery } from './gallery.js';
import { expect, test } from './watched.js';
import { expect as plainly, test as unwatched } from '@playwright/test';

const episode = gallery.find(({ id }) => id === 'robots');
const names = episode.concepts.map(({ name }) => name);
/** The scanner: its types say otherwise, but what Node.js imports is the module. */
const readCode = jsQR.default ?? jsQR;

/** Two pictures of each, and one question, asked on the processor. */
async function askedBoard(page) {
  await page.goto('./');
  await page.getByTestId('device-select').selectOption('cpu');
  await emptyBoard(page);
  await fillBoard(page, episode, 2);
  return ask(page);
}

/** Asks, and gives the name. */
async function ask(page) {
  await page.getByTestId('ask').click();
  const answer = page.getByTestId('answer');
  await expect(answer).toHaveAttribute('aria-busy', 'false');
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
  return page.getByTestId('answer-name').textContent();
}

/** What is on a board: names and the pixels of every picture. */
const boardOf = (page) =>
  page.evaluate(() => {
    const pixels = (canvas) =>
      [...canvas.getContext('2d').getImageData(0, 0, 224, 224).data].join(',');
    const concepts = [...document.querySelectorAll('.concept')].map((card) => ({
      name: card.querySelector('input.name').value,
      pictures: [...card.querySelectorAll('.thumb canvas')].map(pixels),
    }));
    return { concepts, query: pixels(document.querySelector('#query-canvas')) };
  });

/** A page in a browser with an empty profile. */
async function elsewhere(browser, baseURL) {
  const context = await browser.newContext({ baseURL });
  return context.newPage();
}

test('a saved file opens elsewhere with the same board, the same answer and its evidence', async ({
  page,
  browser,
  baseURL,
}) => {
  const name = await askedBoard(page);
  expect(names).toContain(name);
  const before = await boardOf(page);
  const probability = await page.getByTestId('probability-0').textContent();
  const download = page.waitForEvent('download');
  await page.getByTestId('file-save').click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(`${names.join('-')}.lcl.json`);
  const path = await file.path();
  const kept = JSON.parse(readFileSync(path, 'utf8'));
  expect(kept).toMatchObject({ format: 'link-context-episode', version: 1 });
  expect(kept.answers[0].name).toBe(name);
  expect(kept.pack).toMatch(/^[0-9a-f]{64}$/);

  const other = await elsewhere(browser, baseURL);
  await other.goto('./');
  await emptyBoard(other);
  const opened = { name: 'sent.lcl.json', mimeType: '', buffer: readFileSync(path) };
  await other.getByTestId('file-open').setInputFiles(opened);
  // What came along is shown as that.
  await expect(other.getByTestId('answer-name')).toHaveText(name);
  await expect(other.getByTestId('probability-0')).toHaveText(probability);
  await expect(other.getByTestId('answer-device')).toContainText('came with the episode');
  expect(await boardOf(other)).toEqual(before);
  await other.getByTestId('device-select').selectOption('cpu');
  expect(await ask(other)).toBe(name);
  await expect(other.getByTestId('answer-compared')).toContainText('The same answer');
  await expect(other.getByTestId('answer-compared')).toContainText('no probability or share');
  // Another question about the same examples is not compared with anything.
  await chooseQuery(other, episode.queries[1]);
  await ask(other);
  await expect(other.getByTestId('answer-compared')).toBeHidden();
  await other.context().close();
});

test('a link opens in an empty profile with the same board and the same answer', async ({
  page,
  browser,
  baseURL,
}) => {
  const name = await askedBoard(page);
  await page.getByTestId('share-open').click();
  const link = page.getByTestId('share-link');
  await expect(link).toHaveValue(/#episode=1\./);
  const lengths = {};
  let address;
  for (const road of ['anywhere', 'most', 'browsers']) {
    await page.getByTestId('share-road').selectOption(road);
    await expect(page.getByTestId('share-about')).toContainText(/characters/);
    const value = await link.inputValue();
    lengths[road] = [value.length, await page.getByTestId('share-about').textContent()];
    if (value) address = value;
    const meter = page.getByTestId('share-meter');
    if (value) expect(await meter.evaluate(({ value }) => value)).toBe(value.length);
    // A code is drawn exactly where the address is short enough for one.
    const code = page.getByTestId('share-code').locator('svg');
    await expect(code).toHaveCount(value && value.length <= 2953 ? 1 : 0);
  }
  console.log(`links: ${JSON.stringify(lengths)}`);
  expect(address.startsWith(new URL('./', baseURL).href)).toBe(true);

  const other = await elsewhere(browser, baseURL);
  const asked = [];
  other.on('request', (request) => asked.push(request.url()));
  await other.goto(address);
  await expect(other.getByTestId('query-picture')).toBeVisible();
  const [sent, came] = [await boardOf(page), await boardOf(other)];
  expect(came.concepts.map(({ name }) => name)).toEqual(names);
  expect(came.concepts.map(({ pictures }) => pictures.length)).toEqual(
    sent.concepts.map(({ pictures }) => pictures.length),
  );
  await other.getByTestId('device-select').selectOption('cpu');
  expect(await ask(other)).toBe(name);
  await expect(other.getByTestId('answer-compared')).toContainText('The same answer');
  // The episode was in the address, and no request had it.
  expect(asked.filter((url) => url.includes('episode='))).toEqual([]);
  await other.context().close();
});

test('the code is read by a scanner, light and dark', async ({ browser, baseURL }) => {
  // On a screen with two pixels a unit, as telephones and most laptops have.
  const context = await browser.newContext({ baseURL, deviceScaleFactor: 2 });
  const page = await context.newPage();
  await page.goto('./');
  await emptyBoard(page);
  await fillBoard(page, gallery[0], 1);
  await page.getByTestId('share-open').click();
  await page.getByTestId('share-road').selectOption('anywhere');
  const code = page.getByTestId('share-code').locator('svg');
  await expect(code).toBeVisible();
  const link = await page.getByTestId('share-link').inputValue();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const shot = await code.screenshot();
    const { width, height, data } = await page.evaluate(
      async (bytes) => {
        const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        canvas.getContext('2d').drawImage(bitmap, 0, 0);
        const { width, height, data } = canvas
          .getContext('2d')
          .getImageData(0, 0, bitmap.width, bitmap.height);
        // It is black and white: one channel says all.
        return { width, height, data: [...data].filter((_, at) => at % 4 === 0) };
      },
      [...shot],
    );
    const pixels = new Uint8ClampedArray(data.flatMap((grey) => [grey, grey, grey, 255]));
    expect(readCode(pixels, width, height)?.data, colorScheme).toBe(link);
  }
  await context.close();
});

test('the copy button copies the link', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await page.getByTestId('share-open').click();
  await expect(page.getByTestId('share-link')).toHaveValue(/#episode=1\./);
  await page.getByTestId('share-copy').click();
  await expect(page.getByTestId('share-about')).toHaveText('Copied.');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(await page.getByTestId('share-link').inputValue());
});

test('the share sheet, where there is one, is given the link', async ({ page }) => {
  await page.addInitScript(() => {
    navigator.share = async (data) => void (document.body.dataset.shared = JSON.stringify(data));
  });
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await page.getByTestId('share-open').click();
  await expect(page.getByTestId('share-link')).toHaveValue(/#episode=1\./);
  await page.getByTestId('share-send').click();
  const given = JSON.parse(await page.evaluate(() => document.body.dataset.shared));
  expect(given.url).toBe(await page.getByTestId('share-link').inputValue());
  expect(given.title).toContain('link-context');
});

const damages = [
  ['episode-unreadable', '{"format":"something else","version":1}'],
  ['episode-version', '{"format":"link-context-episode","version":99}'],
  ['episode-unreadable', 'no JSON at all'],
];
for (const [index, [code, content]] of damages.entries()) {
  test(`a dropped file that is no episode (${index}) leaves the board as it is`, async ({
    page,
  }) => {
    await page.goto('./');
    await expect(page.getByTestId('answer-name')).not.toBeEmpty();
    const before = await boardOf(page);
    const transfer = await page.evaluateHandle((content) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], 'a.lcl.json', { type: 'application/json' }));
      return transfer;
    }, content);
    await page.getByTestId('concept-0').dispatchEvent('drop', { dataTransfer: transfer });
    await expect(page.getByTestId('message')).toHaveAttribute('data-code', code);
    await expect(page.getByTestId('message')).not.toContainText(/[{}]/);
    expect(await boardOf(page)).toEqual(before);
  });
}

test('a link that was cut off says so, and the page begins as ever', async ({ page }) => {
  await page.goto('./#episode=1.eJyrVkrLLFGyMjQy');
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'episode-unreadable');
  await expect(page.getByTestId('concept-name-0')).toHaveValue(names[0]);
});

test('a file on this origin opens by its address', async ({ page }) => {
  await page.route('**/hosted/episode.lcl.json', (route) => route.fulfill({ body: fixture }));
  await page.goto('./?episode=hosted/episode.lcl.json');
  await expect(page.getByTestId('concept-name-0')).toHaveValue('klut');
  await expect(page.getByTestId('concept-name-1')).toHaveValue('仙人掌刺猬');
  await expect(page.getByTestId('answer-name')).toHaveText('仙人掌刺猬');
});

// Not watched: the browser itself notes on the console what a server does not have.
unwatched('a file that is not there is told of, and the page begins as ever', async ({ page }) => {
  await page.goto('./?episode=hosted/none.lcl.json');
  await plainly(page.getByTestId('message')).toHaveAttribute('data-code', 'episode-missing');
  await plainly(page.getByTestId('concept-name-0')).toHaveValue(names[0]);
});

const fixture = readFileSync(
  new URL('../fixtures/episodes/version-1.lcl.json', import.meta.url),
  'utf8',
);

// Not watched: here a request to another origin is the point.
unwatched('nothing is fetched from another origin before the visitor agrees', async ({ page }) => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.end(fixture);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${server.address().port}/there.lcl.json`;
  try {
    const start = `./?episode=${encodeURIComponent(address)}`;
    await page.goto(start);
    await plainly(page.getByTestId('consent-dialog')).toBeVisible();
    await plainly(page.getByTestId('consent-dialog')).toContainText(new URL(address).host);
    plainly(requests).toBe(0);
    await page.getByTestId('consent-no').click();
    await plainly(page.getByTestId('concept-name-0')).toHaveValue(names[0]);
    plainly(requests).toBe(0);
    await page.goto(start);
    await page.getByTestId('consent-yes').click();
    await plainly(page.getByTestId('concept-name-0')).toHaveValue('klut');
    plainly(requests).toBe(1);
    // Without the visitor's page the policy forbids it.
    const refused = await page.evaluate(
      (address) => fetch(address).then(String, (error) => error.name),
      address,
    );
    plainly(refused).toBe('TypeError');
    plainly(requests).toBe(1);
  } finally {
    server.close();
  }
});
