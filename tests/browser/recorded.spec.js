// The recorded episodes: the whole board without the program, the pack or a graphics card.
import { readFileSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';

/** The ready episode that the page begins with, and what was recorded of it. */
const episode = gallery.find(({ id }) => id === 'robots');
const recordingOf = (id) =>
  JSON.parse(readFileSync(new URL(`../../www/recorded/${id}.json`, import.meta.url), 'utf8'));
const recording = recordingOf(episode.id);
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const shown = (share) => (share > 0 && share < 0.005 ? '<1%' : percent.format(share));

test.beforeEach(async ({ page }) => {
  // Neither comes, and nothing here needs them.
  await page.route('**/{pkg/link_context*,pack/**}', (route) => route.abort());
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
});

test('a recorded episode is there within 150 kB, and nothing moves', async ({ page }) => {
  const found = await page.evaluate(async () => {
    const [{ startTime }] = performance.getEntriesByName('episode');
    const resources = performance.getEntriesByType('resource');
    const [{ transferSize }] = performance.getEntriesByType('navigation');
    const before = resources.filter(({ responseEnd }) => responseEnd <= startTime);
    const bytes = before.reduce((sum, entry) => sum + entry.transferSize, transferSize);
    const shifts = await new Promise((resolve) => {
      const observer = new PerformanceObserver((list) => resolve(list.getEntries()));
      observer.observe({ type: 'layout-shift', buffered: true });
      setTimeout(resolve, 1000, []);
    });
    const shift = shifts.reduce((sum, { value }) => sum + value, 0);
    return { milliseconds: startTime, bytes, shift };
  });
  // The time is told and not bounded: the machine is noisy.
  console.log(`first content: ${JSON.stringify(found)}`);
  expect(found.shift).toBeLessThanOrEqual(0.05);
  expect(found.bytes).toBeLessThanOrEqual(150_000);
});

test('a failure that nobody asked for does not move the page', async ({ page }) => {
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'engine-missing');
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await page.getByTestId('load').click();
  await expect(page.getByTestId('message')).toBeInViewport();
});

test('every question shows its own answer with its link', async ({ page }) => {
  for (const [index, { answer }] of recording.queries.entries()) {
    await page.getByTestId(`query-choice-${index}`).click();
    await expect(page.getByTestId('answer-name')).toHaveText(answer.name);
    await expect(page.getByTestId(`query-choice-${index}`)).toContainText(answer.name);
    for (const [concept, { name, probability }] of answer.concepts.entries()) {
      await expect(page.getByTestId(`probability-${concept}`)).toContainText(name);
      await expect(page.getByTestId(`probability-${concept}`)).toContainText(shown(probability));
    }
    for (const { picture, share } of answer.examples) {
      await expect(page.getByTestId(`share-${picture}`)).toContainText(shown(share));
    }
    // One line an example, and the thickest goes to the largest share.
    const lines = page.locator('.lines path');
    await expect(lines).toHaveCount(answer.examples.length);
    const widths = await lines.evaluateAll((all) =>
      all.map((line) => Number(line.getAttribute('stroke-width'))),
    );
    const shares = answer.examples.map(({ share }) => share);
    expect(widths.indexOf(Math.max(...widths))).toBe(shares.indexOf(Math.max(...shares)));
    const wrong = answer.name !== episode.queries[index].answer;
    await expect(page.getByTestId('answer-note')).toBeVisible({ visible: wrong });
  }
});

test('a token tells its probability on hover and on focus', async ({ page }) => {
  const [{ answer }] = recording.queries;
  const tokens = page.getByTestId('answer-name').locator('.token');
  await expect(tokens).toHaveCount(answer.tokens.length);
  for (const [index, { text, probability }] of answer.tokens.entries()) {
    const token = tokens.nth(index);
    await expect(token).toHaveAttribute('aria-label', `“${text}”: ${shown(probability)}`);
    await token.hover();
    const bubble = await token.evaluate((node) => getComputedStyle(node, '::after').content);
    expect(bubble).toBe(`"${shown(probability)}"`);
  }
});

test('each intervention shows before, after, and whether the answer followed', async ({ page }) => {
  const verdicts = { followed: 'the answer follows', failed: 'the model fails', open: 'nothing' };
  for (const [index, { answer, what_ifs }] of recording.queries.entries()) {
    await page.getByTestId(`query-choice-${index}`).click();
    for (const { intervention, answer: after, verdict } of what_ifs) {
      const card = page.getByTestId(`what-if-${intervention.kind}`);
      await card.getByRole('button').click();
      const rows = card.locator('tbody tr');
      for (const [concept, { name, probability }] of after.concepts.entries()) {
        const row = rows.nth(concept);
        await expect(row).toContainText(name);
        await expect(row.locator('.before')).toHaveText(
          shown(answer.concepts[concept].probability),
        );
        await expect(row.locator('.after')).toHaveText(shown(probability));
      }
      await expect(card.getByTestId('verdict')).toContainText(verdicts[verdict]);
      await expect(page.getByTestId('what-if-spoken')).toContainText(after.name);
    }
  }
});

test('an edit makes the answer stale, and undo brings it back', async ({ page }) => {
  await page.getByTestId('picture-remove-0').click();
  await expect(page.getByTestId('answer-stale')).toBeVisible();
  await expect(page.locator('.lines path')).toHaveCount(0);
  await expect(page.getByTestId('what-if-run-swap')).toBeDisabled();
  await page.keyboard.press('Control+z');
  await expect(page.getByTestId('answer-stale')).toBeHidden();
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(6);
  await page.getByTestId('redo').click();
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(5);
  await page.getByTestId('undo').click();
  // A name is one step, however many letters were typed.
  await page.getByTestId('concept-name-0').pressSequentially('xyz');
  await page.getByTestId('undo').click();
  await expect(page.getByTestId('concept-name-0')).toHaveValue(episode.concepts[0].name);
  await expect(page.getByTestId('answer-stale')).toBeHidden();
});

test('a picture changes its place by the arrow keys and by dragging', async ({ page }) => {
  const files = () =>
    page
      .locator('.concept')
      .evaluateAll((cards) =>
        cards.map((card) =>
          [...card.querySelectorAll('canvas')].map((node) => node.ariaLabel.split(': ').pop()),
        ),
      );
  const before = await files();
  const [[first, second, third], others] = before;
  await page.getByTestId('picture-move-0').focus();
  await page.keyboard.press('ArrowRight');
  expect(await files()).toEqual([[second, first, third], others]);
  await page.keyboard.press('ArrowDown');
  expect(await files()).toEqual([
    [second, third],
    [others[0], first, ...others.slice(1)],
  ]);
  await expect(page.getByTestId('board-spoken')).toContainText('picture 2');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowLeft');
  expect(await files()).toEqual(before);
  await expect(page.getByTestId('answer-stale')).toBeHidden();

  await page.getByTestId('picture-0').dragTo(page.getByTestId('picture-4'));
  expect(await files()).toEqual([
    [second, third],
    [others[0], first, ...others.slice(1)],
  ]);
});

test('a lesson opens its episode, tries its change and says what is on the board', async ({
  page,
}) => {
  await page.getByTestId('lesson-swap').getByRole('button').click();
  const robots = gallery.find(({ id }) => id === 'robots');
  await expect(page.getByTestId('concept-name-0')).toHaveValue(robots.concepts[0].name);
  const { answer, what_ifs } = recordingOf(robots.id).queries[0];
  await expect(page.getByTestId('answer-name')).toHaveText(answer.name);
  const { verdict } = what_ifs.find(({ intervention }) => intervention.kind === 'swap');
  const mark = page.getByTestId('what-if-swap').getByTestId('verdict');
  await expect(mark).toHaveAttribute('data-verdict', verdict);
  await expect(page.getByTestId('lesson-swap')).toContainText(answer.name);
});

test('the lesson about failing shows the model fail', async ({ page }) => {
  await page.getByTestId('lesson-fails').getByRole('button').click();
  const hedgehogs = gallery.find(({ id }) => id === 'cactihog');
  const { answer } = recordingOf(hedgehogs.id).queries[2];
  expect(answer.concept).not.toBe(hedgehogs.queries[2].answer);
  await expect(page.getByTestId('concept-name-0')).toHaveValue(hedgehogs.concepts[0].name);
  await expect(page.getByTestId('answer-name')).toHaveText(answer.name);
  await expect(page.getByTestId('lesson-fails')).toContainText(answer.name);
});

test('another language keeps the board and its answer', async ({ page }) => {
  const [{ answer }] = recording.queries;
  for (const [language, heading] of [
    ['de', 'Was wäre, wenn?'],
    ['zh', '如果'],
    ['en', 'What if?'],
  ]) {
    await page.getByTestId('language').selectOption(language);
    await expect(page.locator('html')).toHaveAttribute('lang', language);
    await expect(page.locator('#what-if-heading')).toContainText(heading);
    await expect(page.getByTestId('answer-name')).toHaveText(answer.name);
    await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(6);
  }
});

test('the keyboard alone tries a change and reads the result', async ({ page }) => {
  const run = page.getByTestId('what-if-run-swap');
  for (let press = 0; press < 80; press += 1) {
    await page.keyboard.press('Tab');
    if (await run.evaluate((node) => node === document.activeElement)) break;
  }
  await expect(run).toBeFocused();
  await page.keyboard.press('Enter');
  const { answer } = recording.queries[0].what_ifs[0];
  await expect(page.getByTestId('what-if-spoken')).toContainText(answer.name);
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.getByTestId('what-if-run-swap').click();
    await page.getByTestId('lesson-support').getByRole('button').click();
    await page.getByTestId('what-if-run-swap').click();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  });
}

for (const width of [320, 768, 2560]) {
  test(`nothing is wider than ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    for (const { intervention } of recording.queries[0].what_ifs) {
      await page.getByTestId(`what-if-run-${intervention.kind}`).click();
    }
    for (const language of ['de', 'zh', 'en']) {
      await page.getByTestId('language').selectOption(language);
      await expect(page.locator('html')).toHaveAttribute('lang', language);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, language).toBeLessThanOrEqual(0);
    }
  });
}
