// Pictures of every view, to be looked at: LINK_CONTEXT_VIEWS names the folder that they go to.
import { expect, test } from '@playwright/test';

const folder = process.env.LINK_CONTEXT_VIEWS;
test.skip(!folder, 'LINK_CONTEXT_VIEWS names no folder');

const views = {
  gallery: '#gallery',
  board: '#desk',
  answer: '#answer',
  'what-if': '#what-if',
  lessons: '.lessons',
  about: '.about',
};

for (const width of [390, 768, 1280]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${width} pixels, ${colorScheme}`, async ({ page }) => {
      await page.route('**/{pkg/link_context*,pack/**}', (route) => route.abort());
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.goto('./');
      await expect(page.getByTestId('answer-name')).not.toBeEmpty();
      // A picture that is scrolled out of sight is not fetched.
      await page.waitForFunction(() =>
        [...document.images].every((image) => {
          const { left, right, width } = image.getBoundingClientRect();
          return image.naturalWidth || width === 0 || left > innerWidth || right < 0;
        }),
      );
      await page.screenshot({ path: `${folder}/start-${width}-${colorScheme}.png` });
      for (const kind of ['swap', 'blank']) await page.getByTestId(`what-if-run-${kind}`).click();
      for (const [name, selector] of Object.entries(views)) {
        const path = `${folder}/${name}-${width}-${colorScheme}.png`;
        await page.locator(selector).screenshot({ path });
      }
    });
  }
}
