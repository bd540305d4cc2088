// Pictures that are replaced in their place, and pictures to name that change their order; no model is needed.
import { gallery } from './gallery.js';
import { expect, test } from './watched.js';

const episode = gallery.find(({ id }) => id === 'robots');
const nameOf = (path) => path.split('/').pop();

test.beforeEach(async ({ page }) => {
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
});

/** The files of the pictures to name, in order. */
const asked = (page) =>
  page
    .getByTestId(/^query-choice-/)
    .evaluateAll((all) => all.map((node) => node.ariaLabel.match(/query-\d/)[0]));

test('a picture is replaced in its place, and undo brings it back', async ({ page }) => {
  const [, second, third] = episode.concepts[0].pictures;
  const file = gallery.find(({ id }) => id === 'animals').concepts[0].pictures[0];
  const at = (place) => page.getByTestId(`picture-${place}`).getByRole('img');
  await page.getByTestId('picture-replace-1').setInputFiles(file);
  await expect(at(1)).toHaveAccessibleName(new RegExp(nameOf(file)));
  await expect(at(2)).toHaveAccessibleName(new RegExp(nameOf(third)));
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(6);
  await expect(page.getByTestId('answer-stale')).toBeVisible();
  await page.getByTestId('undo').click();
  await expect(at(1)).toHaveAccessibleName(new RegExp(nameOf(second)));
  await expect(page.getByTestId('answer-stale')).toBeHidden();
  // What cannot be read replaces nothing.
  const notes = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') };
  await page.getByTestId('picture-replace-1').setInputFiles(notes);
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'picture-unreadable');
  await expect(at(1)).toHaveAccessibleName(new RegExp(nameOf(second)));
});

test('the pictures to name change their order by the arrow keys and by dragging', async ({
  page,
}) => {
  expect(await asked(page)).toEqual(['query-1', 'query-2', 'query-3', 'query-4']);
  await page.getByTestId('query-choice-0').focus();
  await page.keyboard.press('ArrowRight');
  expect(await asked(page)).toEqual(['query-2', 'query-1', 'query-3', 'query-4']);
  await expect(page.getByTestId('query-choice-1')).toBeFocused();
  await expect(page.getByTestId('board-spoken')).toContainText('picture 2');
  await page.getByTestId('query-choice-3').dragTo(page.getByTestId('query-choice-0'));
  expect(await asked(page)).toEqual(['query-4', 'query-2', 'query-1', 'query-3']);
  // The order says nothing, so every answer stays.
  await expect(page.getByTestId('answer-stale')).toBeHidden();
  await page.getByTestId('undo').click();
  await page.getByTestId('undo').click();
  expect(await asked(page)).toEqual(['query-1', 'query-2', 'query-3', 'query-4']);
});

test('an example becomes a picture to name, and one to name an example', async ({ page }) => {
  await page.getByTestId('picture-0').dragTo(page.getByTestId('query-choice-1'));
  await expect(page.getByTestId(/^query-choice-/)).toHaveCount(5);
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(5);
  await expect(page.getByTestId('query-picture')).toHaveAccessibleName(
    new RegExp(nameOf(episode.concepts[0].pictures[0])),
  );
  await page.getByTestId('query-choice-1').press('ArrowUp');
  await expect(page.getByTestId(/^query-choice-/)).toHaveCount(4);
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(6);
  await expect(page.getByTestId('picture-move-3')).toBeFocused();
});
