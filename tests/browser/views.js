// Every view of the page: how a person gets there, and which part of the page it is.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { beginWithNone, emptyBoard, fillBoard, fillConcept, folderOf, gallery } from './gallery.js';
import { serveTiny } from './tiny.js';
import { inWorker } from './worker.js';

/** Opens the page and waits for the episode that it begins with. */
async function open(page) {
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await expect(page.getByTestId('model-state')).toContainText('MB');
}

/** Opens the page with the tiny model, to run on the processor. */
async function openTiny(page, wait) {
  await serveTiny(page, wait);
  await open(page);
  await page.getByTestId('device-select').selectOption('cpu');
}

/** Tests on a folder, as far as `until` says. */
async function testFolder(page, until) {
  const folder = folderOf('animals', 'sea');
  await openTiny(page);
  await page.getByTestId('test-folder').setInputFiles(folder);
  await page.getByTestId('test-episodes').selectOption('20');
  await page.getByTestId('test-start').click();
  await until();
  rmSync(join(folder, '..'), { recursive: true });
}

/** `part` is a selector; without one the view is what is seen of the page, or with `whole` all of it. */
export const views = {
  start: { show: open },
  gallery: { part: '#gallery', show: open },
  board: { part: '#desk', show: open },
  'board-empty': {
    part: '#desk',
    async show(page) {
      await open(page);
      await page.getByTestId('clear').click();
    },
  },
  'board-full': {
    part: '#desk',
    async show(page) {
      await open(page);
      await emptyBoard(page);
      for (const place of [2, 3, 4]) {
        await page.getByTestId('concept-add').click();
        await expect(page.getByTestId(`concept-name-${place}`)).toBeFocused();
      }
      const food = gallery.find(({ id }) => id === 'food');
      const pictures = gallery.flatMap(({ concepts }) => concepts.flatMap((one) => one.pictures));
      const names = [...food.concepts.map(({ name }) => name), 'a name of more than three words'];
      for (const [place, name] of names.entries()) {
        await fillConcept(page, place, {
          name,
          pictures: pictures.slice(place * 8, place * 8 + 8),
        });
      }
      await page.getByTestId('query-files').setInputFiles(pictures.slice(40, 48));
      await expect(page.getByTestId(/^query-choice-/)).toHaveCount(8);
    },
  },
  answer: { part: '#answer', show: open },
  'answer-none': {
    part: '.side',
    async show(page) {
      await beginWithNone(page);
      await open(page);
    },
  },
  'answer-cut-off': {
    part: '.side',
    async show(page) {
      await openTiny(page);
      await page.getByTestId('ask').click();
      await expect(page.getByTestId('answer-device')).toContainText('CPU');
    },
  },
  loading: {
    part: '#desk',
    async show(page) {
      let shards = 0;
      // The third never comes.
      await openTiny(
        page,
        (path) => path.includes('shard') && ++shards > 2 && new Promise(() => {}),
      );
      await page.getByTestId('ask').click();
      await expect(page.getByTestId('model-state')).toContainText('left');
    },
  },
  'what-if': {
    part: '#what-if',
    async show(page) {
      await open(page);
      await tryAll(page);
    },
  },
  'what-if-failed': {
    part: '#desk',
    async show(page) {
      await open(page);
      await page.getByTestId('lesson-fails').getByRole('button').click();
      await expect(page.getByTestId('answer-note')).toBeVisible();
      await tryAll(page);
    },
  },
  lessons: {
    part: '.lessons',
    async show(page) {
      await open(page);
      await page.getByTestId('lesson-swap').getByRole('button').click();
      await expect(page.getByTestId('lesson-swap')).toHaveAttribute('aria-current');
    },
  },
  camera: {
    async show(page) {
      await open(page);
      await page.getByTestId('query-camera').click();
      await expect(page.getByTestId('camera-dialog')).toBeVisible();
    },
  },
  'message-name': {
    part: '#desk',
    async show(page) {
      await open(page);
      await page.getByTestId('concept-name-1').fill('grolt');
      await page.getByTestId('ask').click();
      await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'name-duplicate');
    },
  },
  'message-file': {
    part: '#desk',
    async show(page) {
      await open(page);
      const buffer = Buffer.from('no picture');
      const files = ['notes.png', 'letter.png'].map((name) => ({
        name,
        mimeType: 'image/png',
        buffer,
      }));
      await page.getByTestId('query-files').setInputFiles(files);
      await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'picture-unreadable');
    },
  },
  'message-pack': {
    part: '#model',
    async show(page) {
      await page.route('**/pack/manifest.json', (route) => route.fulfill({ status: 404 }));
      await page.goto('./');
      await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'pack-missing');
    },
  },
  'message-report': {
    part: '#model',
    async show(page) {
      await openTiny(page);
      await inWorker(page, () => {
        GPUAdapter.prototype.requestDevice = async () => {
          throw new DOMException('refused', 'OperationError');
        };
      });
      await page.reload();
      await expect(page.getByTestId('model-state')).toContainText('MB');
      await page.getByTestId('device-select').selectOption('webgpu');
      const message = page.getByTestId('message');
      await expect(message).toHaveAttribute('data-code', 'device-unavailable');
      await message.locator('summary').click();
    },
  },
  test: { part: '#test', show: open },
  'test-running': {
    part: '#test',
    show: (page) =>
      testFolder(page, async () => {
        await expect(page.getByTestId('test-accuracy')).toBeVisible();
        await page.getByTestId('test-pause').click();
        await expect(page.getByTestId('test-state')).toContainText('Paused');
      }),
  },
  'test-result': {
    part: '#test',
    show: (page) =>
      testFolder(page, () => expect(page.getByTestId('test-state')).toContainText('Done')),
  },
  about: { part: '.about', show: open },
  credits: { part: '.foot', show: open },
  'hand-out': {
    whole: true,
    media: 'print',
    async show(page) {
      await open(page);
      await page.getByTestId('lesson-swap').getByRole('button').click();
      await expect(page.getByTestId('what-if-swap').getByTestId('verdict')).toBeVisible();
    },
  },
  german: {
    whole: true,
    async show(page) {
      await open(page);
      await page.getByTestId('language').selectOption('de');
      await expect(page.locator('html')).toHaveAttribute('lang', 'de');
      await page.getByTestId('what-if-run-swap').click();
    },
  },
  chinese: {
    whole: true,
    async show(page) {
      await open(page);
      await page.getByTestId('language').selectOption('zh');
      await expect(page.locator('html')).toHaveAttribute('lang', 'zh');
      await page.getByTestId('what-if-run-swap').click();
    },
  },
  'right-to-left': {
    whole: true,
    async show(page) {
      await rightToLeft(page);
      await open(page);
      await page.getByTestId('what-if-run-swap').click();
    },
  },
  share: {
    async show(page) {
      await open(page);
      await share(page);
    },
  },
  'share-too-long': {
    part: '#share-dialog',
    async show(page) {
      await open(page);
      await share(page);
      await page.getByTestId('share-road').selectOption('anywhere');
      await expect(page.getByTestId('share-about')).toContainText(/smallest pictures/);
    },
  },
  'share-code': {
    async show(page) {
      await open(page);
      await emptyBoard(page);
      await fillBoard(page, gallery[0], 1);
      await share(page);
      await page.getByTestId('share-road').selectOption('anywhere');
      await expect(page.getByTestId('share-code').locator('svg')).toBeVisible();
    },
  },
  embed: {
    part: '#share-dialog',
    async show(page) {
      await open(page);
      await share(page);
      await page.locator('#share-embed summary').click();
    },
  },
  consent: {
    async show(page) {
      await page.goto('./?episode=https://elsewhere.example/episode.lcl.json');
      await expect(page.getByTestId('consent-dialog')).toBeVisible();
    },
  },
  example: {
    whole: true,
    async show(page) {
      await page.goto('./example.html');
      await expect(page.locator('link-context-episode').getByRole('status')).not.toBeEmpty();
    },
  },
  frame: {
    async show(page) {
      await page.goto('./embed.html?episode=example.lcl.json');
      await expect(page.locator('link-context-episode').getByRole('status')).not.toBeEmpty();
    },
  },
  boot: {
    async show(page) {
      await page.route('**/app.js', (route) => route.abort());
      await page.goto('./');
      await expect(page.getByTestId('boot')).toHaveCSS('opacity', '1');
    },
  },
};

/** Opens the dialog to share what is on the board. */
async function share(page) {
  await page.getByTestId('share-open').click();
  await expect(page.getByTestId('share-link')).toHaveValue(/#episode=1\./);
}

/** Presses every "Try it" of a recorded answer. */
async function tryAll(page) {
  const buttons = page.locator('[data-testid^="what-if-run-"]:visible');
  while (await buttons.count()) await buttons.first().click();
}

/** The English words in a page that is written from right to left. */
export async function rightToLeft(page) {
  const texts = JSON.parse(
    readFileSync(new URL('../../www/texts/en.json', import.meta.url), 'utf8'),
  );
  await page.route('**/texts/en.json', (route) =>
    route.fulfill({ json: { ...texts, direction: 'rtl' } }),
  );
}
