// The tiny model of tests/fixtures/tiny in the place of the real pack: all that the page does with a model, in a moment.
import { readFileSync } from 'node:fs';

const folder = new URL('../fixtures/tiny/pack/', import.meta.url);

/** The files of its weights, in order. */
export const shards = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')).shards;

/** Lets a page load it. @param {(path: string) => Promise<void>} [wait] before a file comes */
export async function serveTiny(page, wait = async () => {}) {
  await page.route('**/pack/**', async (route) => {
    const path = new URL(route.request().url()).pathname.split('/pack/').pop();
    await wait(path);
    // A page that no longer wants it has closed the request.
    await route.fulfill({ body: readFileSync(new URL(path, folder)) }).catch(() => {});
  });
}
