// The page as a person uses it.
import { chooseQuery, emptyBoard, fillBoard, gallery } from './gallery.js';
import { expect, test } from './watched.js';

// The one that this adapter answers surely from two pictures of each concept.
const episode = gallery.find(({ id }) => id === 'robots');

test('everything is served with a strict policy', async ({ request }) => {
  for (const path of ['/', '/app.js', '/pkg/link_context_bg.bin', '/pack/manifest.json']) {
    const response = await request.get(path);
    expect(response.status(), path).toBe(200);
    const headers = response.headers();
    const policy = headers['content-security-policy'];
    expect(policy, path).toContain("default-src 'none'");
    expect(policy, path).not.toMatch(/'unsafe-(inline|eval)'|https?:|\*/);
    expect(headers['x-content-type-options'], path).toBe('nosniff');
    expect(headers['referrer-policy'], path).toBe('no-referrer');
  }
});

test('the page carries the policy too, for file hosts that set no headers', async ({ page }) => {
  await page.goto('./');
  const meta = page.locator('meta[http-equiv="Content-Security-Policy"]');
  await expect(meta).toHaveAttribute('content', /^default-src 'none'; script-src 'self'/);
});

for (const width of [390, 1280]) {
  test(`the page starts and fits ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await page.goto('./');
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByTestId('boot')).toBeHidden();
    await expect(page.getByTestId('ask')).toBeVisible();
    // The program runs and has found the pack.
    await expect(page.getByTestId('device')).not.toBeEmpty();
    await expect(page.getByTestId('model-state')).toContainText('MB');
    const versions = /^Program \d+\.\d+\.\d+; model pack [0-9a-f]{12}\.$/;
    await expect(page.getByTestId('versions')).toHaveText(versions);
    for (const { id } of gallery) await expect(page.getByTestId(`gallery-${id}`)).toBeVisible();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBeLessThanOrEqual(0);
  });
}

for (const { id, concepts } of gallery) {
  test(`the ready episode ${id} comes onto the board`, async ({ page }) => {
    await page.goto('./');
    await page.getByTestId(`gallery-${id}`).click();
    for (const [index, { name, pictures }] of concepts.entries()) {
      await expect(page.getByTestId(`concept-name-${index}`)).toHaveValue(name);
      const card = page.getByTestId(`concept-${index}`);
      await expect(card.getByTestId(/^picture-\d+$/)).toHaveCount(pictures.length);
    }
    await expect(page.getByTestId('query-picture')).toBeVisible();
  });
}

test('two concepts of two pictures are learned and named on the processor', async ({ page }) => {
  await page.goto('./');
  await page.getByTestId('device-select').selectOption('cpu');
  await emptyBoard(page);
  await fillBoard(page, episode, 2);
  const names = episode.concepts.map(({ name }) => name);
  // One question for each name, so that one answer for everything does not pass.
  for (const name of names) {
    await chooseQuery(
      page,
      episode.queries.find(({ answer }) => answer === name),
    );
    await page.getByTestId('ask').click();
    // The picture that is asked about carries its answer.
    const asked = page.getByTestId(/^query-choice-/).and(page.locator('[aria-pressed="true"]'));
    await expect(asked).toHaveText(name);
    await expect(page.getByTestId('answer-name')).toHaveText(name);
    await expect(page.getByTestId('answer-device')).toContainText('CPU');
    const likeliest = page.getByTestId(`probability-${names.indexOf(name)}`);
    await expect(likeliest).toContainText(name);
    await expect(likeliest).toHaveClass(/\bbest\b/);
    for (const picture of [0, 1, 2, 3]) {
      await expect(page.getByTestId(`share-${picture}`)).toContainText('%');
    }
    await expect(page.getByTestId('message')).toBeHidden();
  }
  // The names change sides: the verdict is the one that the answer deserves.
  const before = await page.getByTestId('answer-name').textContent();
  const card = page.getByTestId('what-if-swap');
  await card.getByRole('button').click();
  await expect(card.getByTestId('verdict')).toBeVisible();
  const line = await card.getByTestId('what-if-answer').textContent();
  const followed = line.endsWith(names.find((name) => name !== before));
  const verdict = followed ? 'followed' : 'failed';
  await expect(card.getByTestId('verdict')).toHaveAttribute('data-verdict', verdict);
  await expect(page.getByTestId('answer-name')).toHaveText(before);
  // Every other change, too, ends in what it shows.
  for (const kind of ['shuffle', 'blank', 'drop', 'reverse', 'fewer']) {
    const card = page.getByTestId(`what-if-${kind}`);
    await card.getByRole('button').click();
    const mark = card.getByTestId('verdict');
    await expect(mark).toHaveAttribute('data-verdict', /^(followed|failed|open)$/);
    await expect(card.locator('tbody tr')).toHaveCount(names.length);
    await expect(page.getByTestId('what-if-spoken')).toContainText(await mark.textContent());
  }
  // Without its examples a name cannot be given but by heart.
  const dropped = page.getByTestId('what-if-drop');
  const given = (await dropped.getByTestId('what-if-answer').textContent()).endsWith(before);
  const shown = given ? 'failed' : 'followed';
  await expect(dropped.getByTestId('verdict')).toHaveAttribute('data-verdict', shown);
});
