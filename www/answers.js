/** The answers that were given, each kept with what exactly was asked, so that a question asked before, a recorded one, or one that a
 * step back leads to has its answer at once. */
import { outlineOf } from './episode.js';

/** @param {Episode} episode */
const keyOf = (episode) => JSON.stringify(outlineOf(episode));

export class Answers {
  /** @type {Map<string, Result>} */
  #exact = new Map();
  /** @type {Map<string | null, Result>} the last answer to each question, whatever the board was like */
  #last = new Map();

  /** @param {Episode} episode @param {Result} result */
  put(episode, result) {
    this.#exact.set(keyOf(episode), result);
    this.#last.set(episode.query, result);
  }

  /** The answer to a question of an episode, and whether it is one to an earlier form of it. @param {Episode} episode
   * @param {string | null} [query] another than the one asked about @returns {{ result: Result | null, stale: boolean }} */
  of(episode, query = episode.query) {
    const exact = this.#exact.get(keyOf({ ...episode, query }));
    return { result: exact ?? this.#last.get(query) ?? null, stale: !exact };
  }
}
