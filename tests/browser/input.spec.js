// What a person may get wrong, and what a server may: each gives one sentence, and the board stays as it was.
import { expect, test } from '@playwright/test';
import { chooseQuery, emptyBoard, fillBoard, fillConcept, gallery } from './gallery.js';

const [episode] = gallery;

/** The message with this code is there, in words that are filled in. */
async function expectMessage(page, code, words) {
  const message = page.getByTestId('message');
  await expect(message).toHaveAttribute('data-code', code);
  await expect(message).toContainText(words);
  await expect(message).not.toContainText(/[{}]/);
}

test.beforeEach(async ({ page }) => {
  await page.goto('./');
  await emptyBoard(page);
});

test.describe('a file', () => {
  test.beforeEach(({ page }) => fillBoard(page, episode, 1));
  test.afterEach(async ({ page }) => {
    await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(2);
    for (const [index, { name }] of episode.concepts.entries()) {
      await expect(page.getByTestId(`concept-name-${index}`)).toHaveValue(name);
    }
  });

  test('for which there is no room', async ({ page }) => {
    const files = Array(8).fill(episode.queries[0].file);
    await page.getByTestId('concept-files-0').setInputFiles(files);
    await expectMessage(page, 'no-room', 'query-1.webp');
    await page
      .getByTestId('concept-0')
      .getByTestId(/^picture-\d+$/)
      .nth(7)
      .waitFor();
    await page.getByTestId('undo').click({ clickCount: 7 });
  });

  test('that is no picture', async ({ page }) => {
    const buffer = Buffer.from('not a picture at all');
    const file = { name: 'notes.png', mimeType: 'image/png', buffer };
    await page.getByTestId('concept-files-0').setInputFiles(file);
    await expectMessage(page, 'picture-unreadable', 'notes.png');
  });

  test('that is too large', async ({ page }) => {
    const buffer = Buffer.alloc(31_000_000);
    const file = { name: 'huge.png', mimeType: 'image/png', buffer };
    await page.getByTestId('query-files').setInputFiles(file);
    await expectMessage(page, 'picture-too-large-file', 'huge.png');
  });
});

test.describe('an episode', () => {
  const [first, second] = episode.concepts.map(({ name, pictures: [picture] }) => ({
    name,
    pictures: [picture],
  }));
  const cases = [
    ['name-empty', 'no name', { ...first, name: '' }],
    ['name-too-long', '64', { ...first, name: 'n'.repeat(65) }],
    ['name-duplicate', second.name, { ...first, name: second.name }],
  ];
  for (const [code, words, wrong] of cases) {
    test(`with ${code}`, async ({ page }) => {
      await fillConcept(page, 0, wrong);
      await fillConcept(page, 1, second);
      await chooseQuery(page, episode.queries[0]);
      await page.getByTestId('ask').click();
      await expectMessage(page, code, words);
      await expect(page.getByTestId('concept-name-0')).toHaveValue(wrong.name);
    });
  }

  test('without a question', async ({ page }) => {
    await fillConcept(page, 0, first);
    await fillConcept(page, 1, second);
    await page.getByTestId('ask').click();
    await expectMessage(page, 'query-missing', 'no picture to name');
  });

  test('with one concept only', async ({ page }) => {
    await fillConcept(page, 0, first);
    await chooseQuery(page, episode.queries[0]);
    await page.getByTestId('ask').click();
    await expectMessage(page, 'concepts-too-few', 'two concepts');
    await expect(page.getByTestId('message')).toHaveAttribute('role', 'alert');
    await expect(page.getByTestId('concept-name-0')).toHaveValue(first.name);
  });
});

test.describe('a pack', () => {
  test('that is missing', async ({ page }) => {
    await page.route('**/pack/manifest.json', (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await expectMessage(page, 'pack-missing', 'manifest.json');
  });

  const damages = [
    ['pack-shard-corrupt', (body) => body.fill(body[1000] ^ 1, 1000, 1001)],
    ['pack-shard-truncated', (body) => body.subarray(0, 1000)],
  ];
  for (const [code, damage] of damages) {
    test(`with ${code}`, async ({ page, request, baseURL }) => {
      const manifest = await (await request.get('/pack/manifest.json')).json();
      const { path } = manifest.shards[0];
      const body = damage(await (await request.get(`/pack/${path}`)).body());
      await page.route(new URL(`pack/${path}`, baseURL).href, (route) => route.fulfill({ body }));
      await page.getByTestId('device-select').selectOption('cpu');
      await page.getByTestId('load').click();
      await expectMessage(page, code, path);
    });
  }
});
