// A photograph from a camera, which in this browser is a made-up one.
import { expect, test } from '@playwright/test';
import { emptyBoard } from './gallery.js';

test.use({ permissions: ['camera'] });

test('a photograph becomes the picture to name', async ({ page }) => {
  await page.goto('./');
  await emptyBoard(page);
  await page.getByTestId('query-camera').click();
  await expect(page.getByTestId('camera-dialog')).toBeVisible();
  await page.getByTestId('camera-take').click();
  await expect(page.getByTestId('camera-dialog')).toBeHidden();
  await expect(page.getByTestId('query-picture')).toHaveAttribute('aria-label', /camera\.png/);
});

test('a closed dialog leaves the board as it was', async ({ page }) => {
  await page.goto('./');
  await emptyBoard(page);
  await page.getByTestId('concept-0').getByRole('button', { name: 'Camera' }).click();
  await page.getByTestId('camera-dialog').getByRole('button', { name: 'Close' }).click();
  await expect(page.getByTestId('camera-dialog')).toBeHidden();
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(0);
});
