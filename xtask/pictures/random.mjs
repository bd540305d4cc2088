/** Random numbers that a seed and the thing they are for decide, so that no picture depends on another. */
import { createHash } from 'node:crypto';

export class Random {
  #state;

  /** @param {...(string | number)} keys the seed, and what the numbers are for */
  constructor(...keys) {
    const digest = createHash('sha256').update(keys.join('\0')).digest();
    this.#state = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at));
  }

  /** @returns {number} from 0 up to 1, by sfc32 */
  next() {
    let [a, b, c, d] = this.#state;
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    this.#state = [a, b, c | 0, d];
    return (sum >>> 0) / 2 ** 32;
  }

  /** @returns {number} */
  between(low, high) {
    return low + (high - low) * this.next();
  }

  /** @returns {number} a whole number, both ends counted in */
  integer(low, high) {
    return low + Math.floor((high - low + 1) * this.next());
  }

  /** @returns {boolean} */
  chance(share) {
    return this.next() < share;
  }

  /** @template T @param {T[]} list @returns {T} */
  pick(list) {
    return list[this.integer(0, list.length - 1)];
  }

  /** @template T @param {T[]} list @returns {T[]} a new list */
  shuffle(list) {
    const shuffled = [...list];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last);
      [shuffled[last], shuffled[other]] = [shuffled[other], shuffled[last]];
    }
    return shuffled;
  }
}

/** @returns {number} from 0 up to 1, decided by the text alone */
export const share = (text) => createHash('sha256').update(text).digest().readUInt32LE(0) / 2 ** 32;
