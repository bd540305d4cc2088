// The hand-out, and what the page says of itself.
import { gallery } from './gallery.js';
import { expect, test } from './watched.js';

test.beforeEach(async ({ page }) => {
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
});

test('the hand-out has the episode, its answer, what was tried and the lessons', async ({
  page,
}) => {
  await page.evaluate(() => {
    window.print = () => (window.printed = true);
  });
  await page.getByTestId('lesson-swap').getByRole('button').click();
  await expect(page.getByTestId('what-if-swap').getByTestId('verdict')).toBeVisible();
  await page.getByTestId('print').click();
  expect(await page.evaluate(() => window.printed)).toBe(true);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  for (const id of ['picture-0', 'query-picture', 'answer-name', 'what-if-swap', 'lesson-swap']) {
    await expect(page.getByTestId(id)).toBeVisible();
  }
  for (const id of [
    'gallery-animals',
    'ask',
    'load',
    'what-if-blank',
    'test-zone',
    'print',
    'undo',
  ]) {
    await expect(page.getByTestId(id)).toBeHidden();
  }
  // Ink on white paper, whatever the screen is like.
  const ink = await page.locator('body').evaluate((node) => getComputedStyle(node).color);
  expect(Math.max(...ink.match(/\d+/g).map(Number))).toBeLessThan(80);
  const pdf = await page.pdf({ format: 'A4' });
  const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  console.log(`hand-out: ${sheets} sheets`);
  expect(sheets).toBeLessThanOrEqual(3);
});

test('the page says what it is, on what it rests and what it keeps to itself', async ({ page }) => {
  const about = page.locator('.about');
  for (const heading of ['The method', 'What is measured', 'Privacy', 'to my class', 'Versions']) {
    await expect(about.getByRole('heading', { name: heading })).toBeVisible();
  }
  await expect(about.getByRole('link')).toHaveAttribute('href', 'https://arxiv.org/abs/2308.07891');
  await expect(about).toContainText('nothing is sent anywhere');
  await expect(page.getByTestId('versions')).toContainText(/^Program \d+\.\d+\.\d+; model pack /);
  // Every picture's maker is named, with the licence.
  const credits = page.getByTestId('credits');
  for (const credit of new Set(gallery.flatMap((entry) => entry.credits))) {
    await expect(credits).toContainText(credit);
  }
  const [list] = await page.locator('.foot a').all();
  const response = await page.request.get(await list.evaluate((link) => link.href));
  expect(response.ok()).toBe(true);
});

test('no view shows the key of a text instead of the text, in any language', async ({ page }) => {
  const languages = await page.getByTestId('language').locator('option').all();
  for (const option of languages) {
    const locale = await option.getAttribute('value');
    await page.getByTestId('language').selectOption(locale);
    await expect(page.locator('html')).toHaveAttribute('lang', locale);
    const bare = await page
      .locator('[data-text]')
      .evaluateAll((all) => all.filter((node) => node.textContent === node.dataset.text).length);
    expect(bare, locale).toBe(0);
    // Every number is written as the language does.
    const percent = new Intl.NumberFormat(locale, { style: 'percent' }).format(1);
    const [value] = percent.match(/\D*$/);
    await expect(page.getByTestId('probability-0')).toContainText(value.trim());
  }
});
