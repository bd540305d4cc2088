// The model's way to the page and its answer as it is written, with the tiny model of tests/fixtures/tiny on the processor.
import { fillBoard, emptyBoard, gallery } from './gallery.js';
import { serveTiny, shards } from './tiny.js';
import { expect, test } from './watched.js';

const episode = gallery.find(({ id }) => id === 'robots');

/** Opens the page with the tiny model; `wait` is called before each of its files. */
async function open(page, wait) {
  await serveTiny(page, wait);
  await page.goto('./');
  await page.getByTestId('device-select').selectOption('cpu');
  await expect(page.getByTestId('model-state')).toContainText('to download');
}

/** A promise and what fulfils it. */
function gate() {
  let go;
  const opened = new Promise((resolve) => (go = resolve));
  return { opened, go };
}

test('the size comes before the press, then file after file, and a cancelled load goes on', async ({
  page,
}) => {
  let held = gate();
  let asked = [];
  await open(page, async (path) => {
    if (path === 'manifest.json') return;
    asked.push(path);
    if (asked.length === 3) await held.opened;
  });
  await expect(page.getByTestId('device')).toContainText('Processor. As you chose.');
  await expect(page.getByTestId('ask-hint')).toContainText('The first question loads the model');
  await expect(page.getByTestId('progress')).toBeHidden();
  await page.getByTestId('load').click();
  const state = page.getByTestId('model-state');
  await expect(state).toContainText(`file 2 of ${shards.length + 1}`);
  await expect(state).toContainText('left');
  await expect(page.getByTestId('progress')).toBeVisible();
  await expect(page.getByTestId('cancel')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(state).toContainText('Cancelled. What was already downloaded is kept');
  await expect(page.getByTestId('load')).toBeFocused();
  held.go();
  asked = ['', '', ''];
  await page.keyboard.press('Enter');
  await expect(state).toContainText('loaded and ready');
  // Two files were here already.
  expect(asked.length - 3).toBe(shards.length + 1 - 2);
  await page.reload();
  await page.getByTestId('device-select').selectOption('cpu');
  await expect(state).toContainText('already kept in this browser');
});

test('an answer is written token by token, with its probabilities, shares, times and device', async ({
  page,
}) => {
  await open(page);
  await emptyBoard(page);
  await fillBoard(page, episode, 2);
  await page.getByTestId('answer').evaluate((panel) => {
    window.lengths = new Set();
    const name = panel.querySelector('#answer-name');
    const note = () => panel.ariaBusy === 'true' && window.lengths.add(name.childElementCount);
    new MutationObserver(note).observe(name, { childList: true });
  });
  await page.getByTestId('ask').click();
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
  const lengths = await page.evaluate(() => [...window.lengths]);
  const tokens = page.getByTestId('answer-name').locator('.token');
  const count = await tokens.count();
  expect(count).toBeGreaterThan(1);
  for (let length = 1; length <= count; length += 1) expect(lengths).toContain(length);
  for (let index = 0; index < count; index += 1) {
    await expect(tokens.nth(index)).toHaveAttribute('aria-label', /: <?\d+%$/);
  }
  for (const concept of [0, 1]) {
    await expect(page.getByTestId(`probability-${concept}`)).toContainText('%');
  }
  const shares = await page.locator('.share-value').allTextContents();
  const sum = shares.reduce((all, share) => all + Number(share.replace(/\D/g, '')), 0);
  expect(shares.length).toBe(4);
  expect(Math.abs(sum - 100)).toBeLessThanOrEqual(2);
  await expect(page.locator('.lines path')).toHaveCount(4);
  await expect(page.getByTestId('times')).toContainText('tokens/s');
  // Random weights end no name, and the page says that.
  await expect(page.getByTestId('answer-note')).toContainText('cut off');
  const spoken = page.getByTestId('answer-spoken');
  await expect(spoken).toContainText('cut off');
  await expect(spoken).toContainText('Most attention went to picture');
  await expect(page.getByTestId('what-if-swap')).toBeHidden();
});

test('every question gets its own answer from one reading of the examples', async ({ page }) => {
  await open(page);
  await page.getByTestId('ask-all').click();
  for (const index of episode.queries.keys()) {
    await expect(page.getByTestId(`query-choice-${index}`)).not.toContainText('?');
  }
  await expect(page.getByTestId('ask')).toBeVisible();
  await expect(page.getByTestId('times')).toContainText('kept');
  await page.getByTestId('query-choice-0').click();
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
  await expect(page.getByTestId('answer-stale')).toBeHidden();
});

test('a question is stopped while the model comes, and asked again', async ({ page }) => {
  const held = gate();
  await open(page, async (path) => {
    if (path === shards[1].path) await held.opened;
  });
  await emptyBoard(page);
  await fillBoard(page, episode, 1);
  await page.getByTestId('ask').focus();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('stop')).toBeFocused();
  await expect(page.getByTestId('answer')).toHaveAttribute('aria-busy', 'true');
  await expect(page.getByTestId('answer-stage')).toHaveText('Loading the model…');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('answer-note')).toHaveText('Stopped before an answer was given.');
  await expect(page.getByTestId('answer-spoken')).toHaveText('Stopped before an answer was given.');
  await expect(page.getByTestId('ask')).toBeFocused();
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(2);
  held.go();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('answer-device')).toContainText('CPU');
});

test('nothing moves for whom motion is too much', async ({ page, browserName }) => {
  test.skip(browserName === 'firefox', 'what it prefers cannot be set there');
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const held = gate();
  await open(page, async (path) => {
    if (path === shards[1].path) await held.opened;
  });
  await page.getByTestId('ask').click();
  await expect(page.getByTestId('answer-stage')).toBeVisible();
  const moving = () => document.getAnimations().map(({ effect }) => effect.target.className);
  expect(await page.evaluate(moving)).toEqual([]);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  expect(await page.evaluate(moving)).toContain('stage');
  held.go();
});
