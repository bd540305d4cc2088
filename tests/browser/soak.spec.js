// A tab that is used for long, and by somebody in a hurry. With the tiny model. LINK_CONTEXT_SOAK=200 asks for so many episodes.
import { emptyBoard, fillBoard, gallery } from './gallery.js';
import { serveTiny } from './tiny.js';
import { expect, test } from './watched.js';
import { countHeld, inWorker } from './worker.js';

const episode = gallery.find(({ id }) => id === 'robots');
const files = gallery.flatMap(({ concepts }) => concepts.flatMap(({ pictures }) => pictures));
const EPISODES = Number(process.env.LINK_CONTEXT_SOAK ?? 6);
/** From here on nothing is new any more. */
const WARM = Math.min(20, EPISODES / 2);

/** @param {import('@playwright/test').Page} page @param {'cpu' | 'webgpu'} device */
async function open(page, device) {
  await serveTiny(page);
  await page.goto('./');
  await emptyBoard(page);
  await fillBoard(page, episode, 1);
  await page.getByTestId('device-select').selectOption(device);
}

const held = (page) => page.workers()[0].evaluate(() => self.held());

async function answered(page) {
  await expect(page.getByTestId('answer-device')).toContainText(/CPU|GPU/);
  await expect(page.getByTestId('ask')).toBeVisible();
  await expect(page.getByTestId('answer-stale')).toBeHidden();
}

for (const device of ['cpu', 'webgpu']) {
  test(`episode after episode on ${device} takes no more memory`, async ({ page }) => {
    test.setTimeout(10 * 60_000 + EPISODES * 60_000);
    await inWorker(page, countHeld);
    await open(page, device);
    const found = [];
    for (let number = 1; number <= EPISODES; number += 1) {
      // A picture that was not there before, so that everything is read and linked anew.
      const file = files[number % files.length];
      await page.getByTestId('picture-replace-0').setInputFiles(file);
      const name = file.split('/').pop();
      await expect(page.getByTestId('picture-0').getByRole('img', { name })).toBeVisible();
      await page.getByTestId('ask').click();
      await answered(page);
      found.push(await held(page));
    }
    const [warm, last] = [found[WARM - 1], found.at(-1)];
    // Where it grew, if it did.
    const grown = found.flatMap(({ gpu }, at) =>
      gpu === found[at - 1]?.gpu ? [] : [`${at + 1}: ${gpu}`],
    );
    console.log(`${device}, bytes of the graphics card by episode: ${grown.join(', ')}`);
    console.log(
      `${device}: after ${WARM} ${JSON.stringify(warm)}, after ${EPISODES} ${JSON.stringify(last)}`,
    );
    expect(last.heap).toBeLessThanOrEqual(warm.heap * 1.05);
    expect(last.gpu).toBeLessThanOrEqual(warm.gpu * 1.05);
    if (device === 'webgpu') expect(last.gpu).toBeGreaterThan(0);
  });
}

// The tiny model ends no name, so that the page offers no intervention on its answers; the package computes them all the same.
test('intervention after intervention takes no more memory', async ({ page }) => {
  test.setTimeout(10 * 60_000 + EPISODES * 10_000);
  await inWorker(page, countHeld);
  await serveTiny(page);
  await page.goto('./');
  await expect(page.getByTestId('answer-name')).not.toBeEmpty();
  const paths = episode.concepts.map((concept) =>
    concept.pictures.slice(0, 2).map((path) => path.split('/www/').pop()),
  );
  await page.evaluate(async (paths) => {
    const { LinkContext } = await import(new URL('pkg/index.js', location));
    const model = new LinkContext({ pack: new URL('pack/', location) });
    await model.load({ device: 'cpu' });
    const picture = async (path) => model.addPicture(await (await fetch(path)).blob());
    const concepts = await Promise.all(
      paths.map(async (of, index) => ({
        name: ['grolt', 'pindle'][index],
        pictures: await Promise.all(of.map(picture)),
      })),
    );
    const kinds = [
      { kind: 'swap' },
      { kind: 'shuffle', seed: 1 },
      { kind: 'blank' },
      { kind: 'drop', concept: 0 },
      { kind: 'reverse' },
      { kind: 'fewer', shots: 1 },
    ];
    globalThis.intervene = async () => {
      const query = await picture(paths[0][0]);
      const { answer } = await model.ask({ concepts, query }).reply;
      for (const kind of kinds) await model.whatIf({ concepts, query }, kind, answer);
      model.removePicture(query);
    };
  }, paths);
  const found = [];
  for (let number = 1; number <= EPISODES; number += 1) {
    await page.evaluate(() => globalThis.intervene());
    found.push(
      await page
        .workers()
        .at(-1)
        .evaluate(() => self.held()),
    );
  }
  const [warm, last] = [found[WARM - 1], found.at(-1)];
  console.log(`interventions: after ${WARM} ${warm.heap} bytes, after ${EPISODES} ${last.heap}`);
  expect(last.heap).toBeGreaterThan(0);
  expect(last.heap).toBeLessThanOrEqual(warm.heap * 1.05);
});

test('a device is changed again and again', async ({ page }) => {
  await open(page, 'cpu');
  for (let number = 0; number < Math.max(3, EPISODES / 10); number += 1) {
    await page.getByTestId('device-select').selectOption(number % 2 ? 'webgpu' : 'cpu');
    await page.getByTestId('ask').click();
    await expect(page.getByTestId('answer-device')).toContainText(number % 2 ? 'GPU' : 'CPU');
    await answered(page);
    expect(page.workers().length).toBe(1);
  }
});

test('Ask and Stop, pressed a hundred times in a row, leave the board and the model as they were', async ({
  page,
}) => {
  await open(page, 'cpu');
  await page.getByTestId('ask').click();
  await answered(page);
  await page.evaluate(async () => {
    const [ask, stop] = ['ask', 'stop'].map((id) => document.getElementById(id));
    for (let press = 0; press < 100; press += 1) {
      (press % 2 ? stop : ask).click();
      await new Promise((go) => setTimeout(go, press % 7));
    }
    stop.click();
  });
  await expect(page.getByTestId('ask')).toBeVisible();
  await expect(page.getByTestId('message')).toHaveCount(0);
  await expect(page.getByTestId(/^picture-\d+$/)).toHaveCount(2);
  await page.getByTestId('ask').click();
  await answered(page);
});

test('two tabs ask at once, and each gets its own answer', async ({ page, context }) => {
  const other = await context.newPage();
  await open(page, 'cpu');
  await open(other, 'cpu');
  await other.getByTestId('concept-name-0').fill('elsewhere');
  await Promise.all([page, other].map((tab) => tab.getByTestId('ask').click()));
  await Promise.all([page, other].map(answered));
  await expect(page.getByTestId('probability-0')).toContainText(episode.concepts[0].name);
  await expect(other.getByTestId('probability-0')).toContainText('elsewhere');
  await other.close();
});
