// A person without a pointer: builds an episode, asks about all its pictures, tries a change and reads what came of it.
import { gallery } from './gallery.js';
import { expect, test } from './watched.js';

const episode = gallery.find(({ id }) => id === 'robots');

/** Moves the focus by Tab alone. */
async function tabTo(page, testid) {
  const goal = page.getByTestId(testid);
  for (let press = 0; press < 200; press += 1) {
    if (await goal.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(goal).toBeFocused();
}

/** Opens a file chooser by a key and gives it files. */
async function choose(page, testid, files) {
  await tabTo(page, testid);
  // On a busy machine the browser now and then opens none at the first press; a person presses again.
  await expect(async () => {
    const chooser = page.waitForEvent('filechooser', { timeout: 10_000 });
    await page.keyboard.press('Space');
    await (await chooser).setFiles(files);
  }).toPass({ timeout: 60_000 });
}

test('the keyboard alone builds an episode, asks, and tries a change', async ({ page }) => {
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  await tabTo(page, 'clear');
  await page.keyboard.press('Enter');
  for (const [index, { name, pictures }] of episode.concepts.entries()) {
    await tabTo(page, `concept-name-${index}`);
    await page.keyboard.type(name);
    await choose(page, `concept-files-${index}`, pictures.slice(0, 2));
    const card = page.getByTestId(`concept-${index}`);
    await expect(card.getByTestId(/^picture-\d+$/)).toHaveCount(2);
  }
  const [first, second] = episode.queries.map(({ file }) => file);
  await choose(page, 'query-files', [first, second]);
  await expect(page.getByTestId(/^query-choice-/)).toHaveCount(2);

  // On the processor, which every machine has.
  await tabTo(page, 'device-select');
  await page.keyboard.press('End');
  await expect(page.getByTestId('device-select')).toHaveValue('cpu');
  await tabTo(page, 'ask-all');
  await page.keyboard.press('Enter');
  const names = episode.concepts.map(({ name }) => name);
  for (const index of [0, 1]) {
    const choice = page.getByTestId(`query-choice-${index}`);
    await expect(choice).not.toContainText('?');
  }
  await expect(page.getByTestId('ask')).toBeVisible();
  await expect(page.getByTestId('query-choice-1')).toHaveAttribute('aria-pressed', 'true');
  const answer = await page.getByTestId('answer-name').textContent();
  expect(names).toContain(answer);
  await expect(page.getByTestId('answer-spoken')).toContainText(`This is called ${answer}`);

  await tabTo(page, 'what-if-run-swap');
  await page.keyboard.press('Enter');
  const spoken = page.getByTestId('what-if-spoken');
  await expect(spoken).toContainText('The answer is now');
  const card = page.getByTestId('what-if-swap');
  await expect(spoken).toContainText(await card.getByTestId('verdict').textContent());
});
