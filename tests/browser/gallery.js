// The ready episodes, as files to choose from.
import { readFileSync } from 'node:fs';
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
