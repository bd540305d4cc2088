// The protocol on a folder of one's own pictures, in the page with the tiny model of tests/fixtures/tiny.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, gallery } from './gallery.js';
import { serveTiny } from './tiny.js';
import { expect, test } from './watched.js';

const { concepts } = gallery.find(({ id }) => id === 'animals');

let folder;
test.beforeEach(async ({ page }) => {
  folder = folderOf('animals');
  await serveTiny(page);
  await page.goto('./');
  await page.getByTestId('device-select').selectOption('cpu');
});
test.afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

/** The rows of comma-separated values without a quoted one, as objects. */
function rowsOf(csv) {
  const [titles, ...rows] = csv
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(titles.map((title, index) => [title, row[index]])));
}

/** Wilson's interval of 95 %, as a person reads it. */
function interval(count, of) {
  const [z, p] = [1.959964, count / of];
  const half = z * Math.sqrt((p * (1 - p) + (z * z) / (4 * of)) / of);
  const ends = [-half, half].map((side) => (p + (z * z) / (2 * of) + side) / (1 + (z * z) / of));
  const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
  return ends.map((end) => percent.format(Math.max(0, end)));
}

test('a folder is tested on, and what it shows adds up', async ({ page }) => {
  writeFileSync(join(folder, 'loose.png'), 'in no subfolder');
  writeFileSync(join(folder, concepts[0].name, 'broken.png'), 'not a picture');
  await page.getByTestId('test-folder').setInputFiles(folder);
  await expect(page.getByTestId('test-found')).toHaveText('2 kinds, 11 pictures');
  await expect(page.getByTestId('test-skipped')).toContainText('loose.png');
  await page.getByTestId('test-episodes').selectOption('20');
  await page.getByTestId('test-start').click();
  await expect(page.getByTestId('test-state')).toHaveText('Done: 20 of 20 questions.');
  await expect(page.getByTestId('test-skipped')).toContainText('broken.png');
  await expect(page.getByTestId('message')).toBeHidden();

  const download = page.waitForEvent('download');
  await page.getByTestId('test-csv').click();
  const rows = rowsOf(readFileSync(await (await download).path(), 'utf8'));
  expect(rows.length).toBe(20);
  const names = concepts.map(({ name }) => name);
  for (const { concept, picture, other_concept: other, support } of rows) {
    expect(names).toContain(concept);
    expect(picture).toContain(`/${concept}/`);
    expect([concept, other].sort()).toEqual([...names].sort());
    // Two pictures of each are shown, and never the one that is asked about.
    expect(support.split('; ').length).toBe(4);
    expect(support).not.toContain(picture);
  }
  const right = rows.filter((row) => row.right === '1').length;
  const accuracy = page.getByTestId('test-accuracy');
  await expect(accuracy).toContainText(`${right} of 20`);
  for (const end of interval(right, 20)) await expect(accuracy).toContainText(end);
  await expect(page.getByTestId('test-spoken')).toContainText(`${right} of 20`);

  // Its rows are the concepts in order of their names, its last column is for no name at all.
  const counts = await page
    .getByTestId('test-confusion')
    .locator('tbody tr')
    .evaluateAll((lines) =>
      lines.map((line) => [...line.querySelectorAll('td')].map((cell) => Number(cell.textContent))),
    );
  const sum = (list) => list.reduce((all, count) => all + count, 0);
  expect(counts.map(({ length }) => length)).toEqual([3, 3]);
  expect(counts.map(sum)).toEqual(
    [...names].sort().map((name) => rows.filter(({ concept }) => concept === name).length),
  );
  expect(counts[0][0] + counts[1][1]).toBe(right);
  const hard = page.getByTestId('test-hard').locator('li');
  await expect(hard.locator('img')).toHaveCount(
    Math.min(
      8,
      new Set(rows.filter((row) => row.right === '0').map(({ picture }) => picture)).size,
    ),
  );
});

test('a run pauses, goes on, and is cancelled', async ({ page }) => {
  await page.getByTestId('test-folder').setInputFiles(folder);
  await page.getByTestId('test-episodes').selectOption('200');
  await page.getByTestId('test-start').click();
  await expect(page.getByTestId('test-accuracy')).toBeVisible();
  await page.getByTestId('test-pause').click();
  await expect(page.getByTestId('test-state')).toContainText('Paused');
  // What was under way when it was pressed ends; after that nothing moves.
  await page.waitForTimeout(500);
  const before = await page.getByTestId('test-state').textContent();
  await page.waitForTimeout(1000);
  await expect(page.getByTestId('test-state')).toHaveText(before);
  await page.getByTestId('test-pause').click();
  await expect(page.getByTestId('test-state')).not.toHaveText(before);
  await expect(page.getByTestId('test-state')).toContainText('Asking');
  await page.getByTestId('test-cancel').click();
  await expect(page.getByTestId('test-state')).toContainText('Ended before its time');
  await expect(page.getByTestId('test-csv')).toBeVisible();
  await expect(page.getByTestId('test-start')).toBeFocused();
  await expect(page.getByTestId('message')).toBeHidden();
});

test('a folder with nothing to tell apart is refused in a sentence', async ({ page }) => {
  await page.getByTestId('test-folder').setInputFiles(join(folder, concepts[0].name));
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'folder-concepts-few');
  await expect(page.getByTestId('message')).toContainText('two subfolders');
  await expect(page.getByTestId('test-start')).toBeDisabled();
});

test('a folder that is dropped is read with everything below it', async ({ page }) => {
  await page.getByTestId('test-zone').scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.getByTestId('test-zone').boundingBox();
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: [folder], dragOperationsMask: 1 };
  const at = { x: x + width / 2, y: y + height / 2, data };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await client.send('Input.dispatchDragEvent', { type, ...at });
  }
  await expect(page.getByTestId('test-found')).toHaveText('2 kinds, 10 pictures');
  await expect(page.getByTestId('test-start')).toBeEnabled();
});

test('the real pack tells apart what is plainly different', async ({ page }) => {
  const plain = folderOf('fruits', 'journey');
  await page.unroute('**/pack/**');
  await page.reload();
  await page.getByTestId('device-select').selectOption('cpu');
  await page.getByTestId('test-folder').setInputFiles(plain);
  await expect(page.getByTestId('test-found')).toHaveText('4 kinds, 20 pictures');
  await page.getByTestId('test-episodes').selectOption('20');
  await page.getByTestId('test-start').click();
  await expect(page.getByTestId('test-state')).toContainText('Done', { timeout: 8 * 60_000 });
  const line = await page.getByTestId('test-accuracy').textContent();
  console.log(line);
  // Who guesses has as many one time in fifty.
  expect(Number(line.match(/(\d+) of 20/)[1])).toBeGreaterThanOrEqual(15);
  rmSync(join(plain, '..'), { recursive: true });
});
