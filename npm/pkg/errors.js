/**
 * What can go wrong, with a code for each.
 */

/** @import { Failure, FailureCode } from './types.js' */

/**
 * A failure with its code: the one kind of error that this package throws, but for the reason of a signal that was aborted.
 * @implements {Failure}
 */
export class LinkContextError extends Error {
  /** @type {FailureCode} */
  code;
  /** What it concerns: a file, a name. Empty where it is nothing of the kind. @type {string} */
  subject;
  /** The numbers that a sentence about it needs. @type {Record<string, unknown>} */
  detail;

  /** @param {{ code: FailureCode, subject?: string, detail?: Record<string, unknown> }} failure */
  constructor({ code, subject = '', detail = {} }) {
    super([code, subject, detail.message].filter(Boolean).join(': '));
    this.name = 'LinkContextError';
    this.code = code;
    this.subject = subject;
    this.detail = detail;
  }
}
