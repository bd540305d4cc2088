// The page as it would stand in a language that is written from right to left: nothing overflows, nothing lies on another.
import { rightToLeft } from './views.js';
import { expect, test } from './watched.js';

/** Pairs of things with words or to press that overlap, though neither holds the other. */
const overlaps = () => {
  const seen =
    'h1, h2, h3, p, button, select, input:not(.files), label.add, dt, dd, th, td, summary, a';
  const boxes = [...document.querySelectorAll(seen)]
    .filter(
      (node) => node.checkVisibility() && !node.closest('.spoken, .thumb-frame, .query-figure'),
    )
    // The camera's button lies on the free corner of the field beside it.
    .filter((node) => !node.matches('.thumb-add .camera'))
    .map((node) => ({ node, box: node.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && box.height > 0);
  const found = [];
  for (const [index, one] of boxes.entries()) {
    for (const two of boxes.slice(index + 1)) {
      if (one.node.contains(two.node) || two.node.contains(one.node)) continue;
      const width = Math.min(one.box.right, two.box.right) - Math.max(one.box.left, two.box.left);
      const height = Math.min(one.box.bottom, two.box.bottom) - Math.max(one.box.top, two.box.top);
      if (width > 2 && height > 2) {
        found.push([one, two].map(({ node }) => node.id || node.className || node.textContent));
      }
    }
  }
  return found;
};

for (const width of [320, 768, 1280]) {
  test(`nothing overflows or overlaps at ${width} pixels`, async ({ page }) => {
    await rightToLeft(page);
    await page.setViewportSize({ width, height: 900 });
    await page.goto('./');
    await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
    await expect(page.getByTestId('answer-name')).not.toBeEmpty();
    await expect(page.getByTestId('model-state')).toContainText('MB');
    for (const kind of ['swap', 'blank']) await page.getByTestId(`what-if-run-${kind}`).click();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBeLessThanOrEqual(0);
    expect(await page.evaluate(overlaps)).toEqual([]);
    // The examples stand to the right of the question, and the arrow keys follow the eye.
    const left = (id) => page.getByTestId(id).evaluate((node) => node.getBoundingClientRect().left);
    expect(await left('picture-0')).toBeGreaterThan(await left('picture-1'));
    const before = await page.getByTestId('picture-0').getByRole('img').getAttribute('aria-label');
    await page.getByTestId('picture-move-0').press('ArrowLeft');
    const file = before.split(': ').pop();
    await expect(page.getByTestId('picture-1').getByRole('img')).toHaveAccessibleName(
      new RegExp(file),
    );
  });
}
