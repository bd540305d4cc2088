/** Writing many files. */
import { writeFile } from 'node:fs/promises';

/** How many pictures are worked on at once. */
const AT_ONCE = 2;

/** @param {string} file @param {unknown} value */
export const json = (file, value) => writeFile(file, `${JSON.stringify(value, null, 1)}\n`);

/** @template T @param {T[]} tasks @param {(task: T) => Promise<void>} run */
export async function each(tasks, run) {
  const left = tasks.values();
  const work = async () => {
    for (const task of left) await run(task);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
