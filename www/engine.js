/** What the page has of the package `link-context`, which lies beside it in pkg/: the model in its worker, and failures, the page's own
 * among them. */
export { LinkContext as Engine } from './pkg/index.js';

/** @param {string} code @param {string} [subject] @returns {Failure} */
export const failure = (code, subject = '') => ({ code, subject, detail: {} });

/** Whatever was thrown, as a failure. @param {unknown} thrown @returns {Failure} */
export function asFailure(thrown) {
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return failure('cancelled');
  if (thrown && typeof thrown === 'object' && 'code' in thrown && typeof thrown.code === 'string') {
    return {
      subject: '',
      detail: {},
      .../** @type {Partial<Failure>} */ (thrown),
      code: thrown.code,
    };
  }
  return failure('internal', thrown instanceof Error ? thrown.message : String(thrown));
}
