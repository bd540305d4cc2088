// What is kept: the page for when there is no network, the pack for every later visit, and a broken download up to where it broke.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';
import { dist, packBytes, placeWithin, serveSite } from './site.js';

const robots = gallery.find(({ id }) => id === 'robots');

let site;
test.beforeEach(async () => (site = await serveSite()));
test.afterEach(() => site.close());

/** The page with its first episode, the model to run on the processor. */
async function visit(page) {
  await page.goto(site.address);
  await page.getByTestId('answer-name').filter({ hasText: /./ }).waitFor();
  await page.getByTestId('device-select').selectOption('cpu');
  await expect(page.getByTestId('load')).toBeEnabled();
}

async function load(page) {
  await page.getByTestId('load').click();
  await expect(page.getByTestId('model-state')).toContainText('ready');
}

test('a download that broke at 60 % goes on there, and a second tab transfers nothing', async ({
  page,
  context,
}) => {
  const whole = packBytes();
  await visit(page);
  const broken = placeWithin(0.6);
  site.breakAfter = broken.at;
  await page.getByTestId('load').click();
  const message = page.getByTestId('message');
  await expect(message).toHaveAttribute('data-code', 'download-interrupted');
  await expect(page.getByTestId('packs')).toContainText('of');
  const first = site.sent;
  [site.sent, site.breakAfter] = [0, Infinity];
  await load(page);
  const second = site.sent;
  console.log(`of ${whole} bytes ${first} came before the break and ${second} after it`);
  expect(first).toBeLessThan(0.64 * whole);
  expect(second).toBeLessThanOrEqual(0.45 * whole);
  // It goes on within the file. What was on its way when the connection broke is lost, and comes again.
  expect(first + second).toBeLessThanOrEqual(whole + broken.of / 2);

  site.sent = 0;
  const other = await context.newPage();
  await visit(other);
  await load(other);
  expect(site.sent).toBe(0);
  // What is kept is listed with its size, and can be removed.
  await expect(other.getByTestId('packs')).toContainText('104 MB');
  await other.getByTestId('pack-remove').click();
  await expect(other.getByTestId('packs')).toBeEmpty();
  await other.close();
  const third = await context.newPage();
  await visit(third);
  await expect(third.getByTestId('packs')).toBeEmpty();
});

test('two tabs that load at once fetch every file once', async ({ page, context }) => {
  const other = await context.newPage();
  await visit(page);
  await visit(other);
  await Promise.all([load(page), load(other)]);
  console.log(`two tabs: ${site.sent} of ${packBytes()} bytes`);
  expect(site.sent).toBe(packBytes());
});

test('after one visit the page, the gallery and the model work without a network', async ({
  page,
}) => {
  await visit(page);
  await load(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await site.close();
  await page.reload();
  await page.getByTestId('gallery-fruits').click();
  await expect(page.getByTestId('concept-name-0')).toHaveValue(
    gallery.find(({ id }) => id === 'fruits').concepts[0].name,
  );
  await page.getByTestId('gallery-robots').click();
  await expect(page.getByTestId('concept-name-0')).toHaveValue(robots.concepts[0].name);
  await page.getByTestId('device-select').selectOption('cpu');
  await page.getByTestId('ask').click();
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
  await expect(page.getByTestId('answer-name')).toHaveText(robots.queries[0].answer);
  for (const image of await page.locator('#gallery img').all()) {
    const seen = await image.evaluate((node) => node.loading === 'lazy' || node.naturalWidth > 0);
    expect(seen).toBe(true);
  }
});

test('a new version comes whole, when no tab shows the old one any more', async ({
  page,
  context,
}) => {
  await visit(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const read = (file) => readFileSync(join(dist, file), 'utf8');
  const texts = JSON.parse(read('texts/en.json'));
  site.instead['/texts/en.json'] = JSON.stringify({ ...texts, heading: 'A newer heading' });
  site.instead['/sw-files.js'] = read('sw-files.js').replace(/VERSION = "/, 'VERSION = "newer-');
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    while (!registration.waiting) await new Promise((resolve) => setTimeout(resolve, 100));
  });
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(texts.heading);
  await page.close();
  // The browser notices after a moment that nobody shows the old one.
  await expect(async () => {
    const later = await context.newPage();
    try {
      await later.goto(site.address);
      const heading = later.getByRole('heading', { level: 1 });
      await expect(heading).toHaveText('A newer heading', { timeout: 5000 });
    } finally {
      await later.close(); // else this tab would show the old one for ever
    }
  }).toPass({ timeout: 120_000, intervals: [1000, 3000, 10_000] });
});
