// Every view, light and dark, wide and narrow: axe finds nothing in it. LINK_CONTEXT_VIEWS names a folder that pictures of all go to, to be
// looked at.
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { views } from './views.js';

const folder = process.env.LINK_CONTEXT_VIEWS;
const WIDTHS = folder ? [1280, 768, 390] : [1280, 390];
const LOOKS = WIDTHS.flatMap((width) => ['light', 'dark'].map((scheme) => [width, scheme]));

test.use({ permissions: ['camera'] });

for (const [name, { part, whole, media, show }] of Object.entries(views)) {
  test(name, async ({ page }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await show(page);
    for (const [width, colorScheme] of LOOKS) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, media });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      if (!folder) continue;
      await page.locator(part ?? 'body').scrollIntoViewIfNeeded();
      // A picture that is scrolled out of sight is not fetched.
      await page.waitForFunction(() =>
        [...document.images].every((image) => {
          const { left, right, width } = image.getBoundingClientRect();
          return !image.src || image.naturalWidth || width === 0 || left > innerWidth || right < 0;
        }),
      );
      const path = `${folder}/${name}-${width}-${colorScheme}.png`;
      if (part) await page.locator(part).screenshot({ path });
      else await page.screenshot({ path, fullPage: Boolean(whole) });
    }
  });
}
