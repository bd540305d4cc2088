/**
 * The 2-way protocol of the benchmark on a folder of one's own pictures; what is drawn and counted is in src/folder.rs.
 */

/** @import { Failure, FolderReport } from './types.js' */

/** One test at a time: a new one takes the place of the one before. */
export class FolderTest {
  #request;

  /** @param {(kind: 'test-picture' | 'test-begin' | 'test-episode' | 'test-csv', body?: object) => Promise<any>} request */
  constructor(request) {
    this.#request = request;
  }

  /**
   * Puts a picture in. `concept` is an index into the names, `place` one among the files that were listed.
   * @param {{ file: File, path: string, place: number, concept: number }} picture
   * @returns {Promise<void>}
   */
  async addPicture({ file, path, place, concept }) {
    await this.#request('test-picture', { file, path, place, concept });
  }

  /** Once all pictures are in. @returns {Promise<Failure[]>} what is left out */
  begin() {
    return this.#request('test-begin');
  }

  /** Asks the next episode. @returns {Promise<FolderReport>} what came of all so far */
  episode() {
    return this.#request('test-episode');
  }

  /** Every episode so far, as comma-separated values. @returns {Promise<string>} */
  csv() {
    return this.#request('test-csv');
  }
}
