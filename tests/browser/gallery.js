// The ready episodes, as files to choose from, with what was recorded of them.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../www/gallery/', import.meta.url);
const file = (name) => fileURLToPath(new URL(name, folder));

/** The episodes with the paths of their files, and the name that answers each query. */
export const gallery = JSON.parse(readFileSync(file('gallery.json'), 'utf8')).map((entry) => ({
  ...entry,
  concepts: entry.concepts.map(({ name, pictures }) => ({ name, pictures: pictures.map(file) })),
  queries: entry.queries.map((query) => ({
    file: file(query.file),
    answer: entry.concepts[query.answer].name,
  })),
}));

/** Waits for the episode that the page begins with, and clears the board. */
export async function emptyBoard(page) {
  await page.getByTestId('answer-name').filter({ hasText: /./ }).waitFor();
  await page.getByTestId('clear').click();
}

/** Names a concept and chooses its pictures, as a person does. */
export async function fillConcept(page, index, { name, pictures }) {
  await page.getByTestId(`concept-name-${index}`).fill(name);
  await page.getByTestId(`concept-files-${index}`).setInputFiles(pictures);
  await page
    .getByTestId(`concept-${index}`)
    .getByTestId(/^picture-\d+$/)
    .nth(pictures.length - 1)
    .waitFor();
}

/** Fills the board with so many pictures a concept, and one question. */
export async function fillBoard(page, { concepts, queries }, shots) {
  for (const [index, { name, pictures }] of concepts.entries()) {
    await fillConcept(page, index, { name, pictures: pictures.slice(0, shots) });
  }
  await chooseQuery(page, queries[0]);
}

/** Chooses the picture to name. */
export async function chooseQuery(page, { file: path }) {
  await page.getByTestId('query-files').setInputFiles(path);
  const name = path.split('/').pop();
  await page.getByRole('img', { name }).and(page.getByTestId('query-picture')).waitFor();
}

/** What was recorded of a ready episode. */
export const recordingOf = (id) =>
  JSON.parse(readFileSync(new URL(`../../www/recorded/${id}.json`, import.meta.url), 'utf8'));

/** An answer that is none of two names, as the model may give it. Made up, as no recording can be relied on to have one. */
export const noneOfThese = {
  name: 'smiling robot',
  tokens: [
    { text: 'sm', probability: 0.41 },
    { text: 'iling', probability: 0.87 },
    { text: ' robot', probability: 0.66 },
  ],
  concepts: [{ probability: 0.062 }, { probability: 0.17 }],
};

/** Lets the page begin with an episode whose first answer is none of the names: that of `noneOfThese`, as if it had been asked. */
export async function beginWithNone(page) {
  const { name, tokens, concepts } = noneOfThese;
  await page.route('**/recorded/robots.json', (route) => {
    const json = recordingOf('robots');
    const [{ answer }] = json.queries;
    answer.concepts.forEach((one, index) => (one.probability = concepts[index].probability));
    Object.assign(answer, { name, tokens, concept: null });
    return route.fulfill({ json });
  });
}

/** A copy of a ready episode's files, as a folder with one subfolder a concept, to be tested on. */
export function folderOf(...ids) {
  const folder = join(mkdtempSync(join(tmpdir(), 'link-context-')), 'mine');
  for (const { concepts, queries } of gallery.filter(({ id }) => ids.includes(id))) {
    for (const { name, pictures } of concepts) {
      mkdirSync(join(folder, name), { recursive: true });
      const asked = queries.filter(({ answer }) => answer === name).map(({ file }) => file);
      for (const [index, file] of [...pictures, ...asked].entries()) {
        copyFileSync(file, join(folder, name, `${index}.webp`));
      }
    }
  }
  return folder;
}
