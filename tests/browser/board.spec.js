// The board: every way that pictures come to it, what it has room for, and the square that the model sees. No model is needed.
import { readFileSync } from 'node:fs';
import { gallery } from './gallery.js';
import { expect, test } from './watched.js';

const { concepts, queries } = gallery.find(({ id }) => id === 'robots');
const nameOf = (path) => path.split('/').pop();

test.beforeEach(async ({ page }) => {
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await page.getByTestId('clear').click();
});

/** The pictures of a concept. */
const picturesOf = (page, index) =>
  page.getByTestId(`concept-${index}`).getByTestId(/^picture-\d+$/);

/** Lets files come to an element as by a drop or a paste. */
async function give(target, kind, paths) {
  const files = paths.map((path) => [nameOf(path), readFileSync(path).toString('base64')]);
  await target.evaluate(
    (node, { kind, files }) => {
      const data = new DataTransfer();
      for (const [name, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: 'image/webp' }));
      }
      const init = { bubbles: true, cancelable: true };
      node.dispatchEvent(
        kind === 'drop'
          ? new DragEvent('drop', { ...init, dataTransfer: data })
          : new ClipboardEvent('paste', { ...init, clipboardData: data }),
      );
    },
    { kind, files },
  );
}

test('several pictures are chosen at once, in their order', async ({ page }) => {
  await page.getByTestId('concept-files-0').setInputFiles(concepts[0].pictures);
  await expect(picturesOf(page, 0)).toHaveCount(3);
  for (const [place, path] of concepts[0].pictures.entries()) {
    const picture = picturesOf(page, 0).nth(place).getByRole('img');
    await expect(picture).toHaveAccessibleName(new RegExp(nameOf(path)));
  }
  await page.getByTestId('query-files').setInputFiles(queries.map(({ file }) => file));
  await expect(page.getByTestId(/^query-choice-/)).toHaveCount(queries.length);
});

test('pictures are dropped on a concept and on the question', async ({ page }) => {
  await give(page.getByTestId('concept-1'), 'drop', concepts[1].pictures.slice(0, 2));
  await expect(picturesOf(page, 1)).toHaveCount(2);
  await give(page.getByTestId('query-zone'), 'drop', [queries[0].file]);
  await expect(page.getByTestId('query-picture')).toHaveAccessibleName(
    new RegExp(nameOf(queries[0].file)),
  );
  await expect(picturesOf(page, 0)).toHaveCount(0);
});

test('pictures are pasted where one works, else into the question', async ({
  page,
  browserName,
}) => {
  test.skip(browserName === 'firefox', 'no script can paste files there');
  await page.getByTestId('concept-name-1').focus();
  await give(page.getByTestId('concept-name-1'), 'paste', [concepts[1].pictures[0]]);
  await expect(picturesOf(page, 1)).toHaveCount(1);
  await page.getByTestId('concept-name-1').blur();
  await page.getByTestId('concept-0').hover();
  await give(page.locator('body'), 'paste', [concepts[0].pictures[0]]);
  await expect(picturesOf(page, 0)).toHaveCount(1);
  await page.getByRole('heading', { level: 1 }).hover();
  await give(page.locator('body'), 'paste', [queries[0].file]);
  await expect(page.getByTestId('query-picture')).toBeVisible();
});

test('the square that is shown is the one that the model sees', async ({ page }) => {
  // Three colours side by side: of a wide picture the middle is seen.
  const wide = await page.evaluate(async () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [900, 300];
    const context = canvas.getContext('2d');
    for (const [place, colour] of ['#f00', '#0f0', '#00f'].entries()) {
      context.fillStyle = colour;
      context.fillRect(place * 300, 0, 300, 300);
    }
    return canvas.toDataURL('image/png').split(',')[1];
  });
  await page.getByTestId('query-files').setInputFiles({
    name: 'wide.png',
    mimeType: 'image/png',
    buffer: Buffer.from(wide, 'base64'),
  });
  await expect(page.getByTestId('query-picture')).toBeVisible();
  const seen = await page.getByTestId('query-picture').evaluate((canvas) => {
    const { width, height } = canvas;
    const at = (x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
    return { width, height, corners: [at(8, 8), at(215, 8), at(8, 215), at(215, 215)] };
  });
  expect([seen.width, seen.height]).toEqual([224, 224]);
  for (const corner of seen.corners) expect(corner).toEqual([0, 255, 0, 255]);
  await expect(page.locator('.board')).toContainText('sees each picture as the square shown here');
});

test('there is room for five concepts of eight pictures, and for eight questions', async ({
  page,
}) => {
  const all = gallery.flatMap((entry) => entry.concepts.flatMap(({ pictures }) => pictures));
  for (const count of [3, 4, 5]) {
    await page.getByTestId('concept-add').click();
    await expect(page.locator('#concept-count')).toHaveText(`${count} of at most 5 concepts`);
  }
  await expect(page.getByTestId('concept-add')).toBeHidden();
  await page.getByTestId('concept-files-4').setInputFiles(all.slice(0, 8));
  await expect(picturesOf(page, 4)).toHaveCount(8);
  await expect(page.getByTestId('concept-files-4')).toBeHidden();
  await give(page.getByTestId('concept-4'), 'drop', [all[8]]);
  await expect(page.getByTestId('message')).toHaveAttribute('data-code', 'no-room');
  await page.getByTestId('query-files').setInputFiles(all.slice(10, 18));
  await expect(page.getByTestId(/^query-choice-/)).toHaveCount(8);
  await expect(page.getByTestId('query-files')).toBeHidden();
  await expect(page.getByTestId('query-camera')).toBeHidden();
});

test('a concept is removed with its pictures, and undo brings both back', async ({ page }) => {
  await page.getByTestId('concept-add').click();
  await page.getByTestId('concept-name-2').fill('third');
  await page.getByTestId('concept-files-2').setInputFiles(concepts[0].pictures.slice(0, 2));
  await expect(picturesOf(page, 2)).toHaveCount(2);
  await page.getByTestId('concept-remove-2').click();
  await expect(page.getByTestId('concept-2')).toHaveCount(0);
  await page.getByTestId('undo').click();
  await expect(page.getByTestId('concept-name-2')).toHaveValue('third');
  await expect(picturesOf(page, 2)).toHaveCount(2);
  await page.getByTestId('picture-remove-0').click();
  await expect(picturesOf(page, 2)).toHaveCount(1);
  await page.getByTestId('undo').click();
  await expect(picturesOf(page, 2)).toHaveCount(2);
  await page.getByTestId('redo').click();
  await expect(picturesOf(page, 2)).toHaveCount(1);
  // Two concepts are the least that can be told apart.
  await page.getByTestId('concept-remove-2').click();
  await expect(page.getByTestId('concept-remove-0')).toBeHidden();
});
