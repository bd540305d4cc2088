/** What a person can do about a failure, beside reading its sentence: one table for all codes, and a report to copy, in which there are
 * neither pictures nor names. */
import { asFailure } from './engine.js';
import { showMessage } from './messages.js';
import { sentence, text } from './texts.js';

/** @typedef {'again' | 'processor' | 'load' | 'reload'} Action */

/** The rest is mended where it is told: another file, another name. @type {Record<string, Action[]>} */
const ACTIONS = {
  'device-lost': ['processor', 'again'],
  'device-unavailable': ['processor'],
  'out-of-memory': ['processor', 'again'],
  'worker-crashed': ['processor', 'again'],
  internal: ['again', 'processor'],
  'engine-missing': ['reload'],
  'pack-version': ['reload'],
  'pack-manifest': ['reload'],
  'pack-missing': ['load'],
  'pack-shard-truncated': ['load'],
  'pack-shard-corrupt': ['load'],
  'pack-incomplete': ['load'],
  'download-interrupted': ['load'],
  'gallery-missing': ['reload'],
  'episode-version': ['reload'],
};

/** After these the same is tried once more before anything is told: the worker is another then. */
const LOST = new Set(['device-lost', 'worker-crashed']);

/** @param {unknown} thrown */
export const isLost = (thrown) => LOST.has(asFailure(thrown).code);

/** Tells of failures. @param {(error: Failure) => Element} placeOf what a failure is about
 * @param {(action: Action) => (() => void) | null} doing how it is done, where it is of use now
 * @param {() => { about: Record<string, string>, secret: string[] }} known what a report has, and what it must not have
 * @returns {(thrown: unknown) => void} */
export function createFailures(placeOf, doing, known) {
  /** @param {Failure} error */
  function reportOf({ code, detail }) {
    const { about, secret } = known();
    const lines = Object.entries({ code, message: String(detail.message ?? ''), ...about });
    const report = lines.map(([key, value]) => `${key}: ${value}`).join('\n');
    return secret.filter(Boolean).reduce((all, name) => all.replaceAll(name, '…'), report);
  }

  return (thrown) => {
    const error = asFailure(thrown);
    if (error.code === 'cancelled') return;
    const actions = ACTIONS[error.code];
    const buttons = (actions ?? []).map((action) => ({
      name: action,
      label: text(`action-${action}`),
      act: doing(action),
    }));
    const message = { code: error.code, buttons, report: actions ? reportOf(error) : '' };
    showMessage(placeOf(error), [sentence(error)], 'error', message);
  };
}
