/**
 * The answer as it is written, then what it rests on: the probability of each name, the time, the device.
 */
import { byId, copyOf, fill, within } from './dom.js';
import { duration, percent, text } from './texts.js';

/**
 * What the worker gives; see src/web.rs.
 * @typedef {object} Answer
 * @property {string} name
 * @property {boolean} finished
 * @property {boolean} known
 * @property {number | null} concept the index of the one that the name is of; null where it is not known
 * @property {{ name: string, probability: number }[]} concepts
 * @property {{ concept: number, picture: string, share: number }[]} examples
 * @property {{ encode: number, prefill: number, decode: number, evidence: number }} milliseconds
 * @property {number} tokens_per_second
 */

/**
 * @typedef {object} Result
 * @property {Answer} answer
 * @property {{ tokens: number, milliseconds: number, encode_milliseconds: number, reused: boolean }} link
 * @property {string} device
 */

export function createAnswer() {
  const panel = byId('answer', HTMLElement);
  const empty = byId('answer-empty', HTMLElement);
  const stage = byId('answer-stage', HTMLElement);
  const line = byId('answer-line', HTMLElement);
  const lead = byId('answer-lead', HTMLElement);
  const name = byId('answer-name', HTMLElement);
  const note = byId('answer-note', HTMLElement);
  const evidence = byId('answer-evidence', HTMLElement);
  const bars = byId('probabilities', HTMLElement);
  const times = byId('times', HTMLElement);
  const device = byId('answer-device', HTMLElement);
  const stale = byId('answer-stale', HTMLElement);
  const spoken = byId('answer-spoken', HTMLElement);
  /** @type {Result | null} the last answer, which comes back when the next question fails */
  let last = null;

  /** @param {Answer} answer */
  const likeliest = ({ concepts }) =>
    concepts.reduce((best, concept) => (concept.probability > best.probability ? concept : best));

  /** @param {Answer} answer */
  function noteOf(answer) {
    if (!answer.finished) return text('answer-unfinished');
    if (answer.known) return '';
    const { name, probability } = likeliest(answer);
    return text('answer-unknown', { name, probability: percent(probability) });
  }

  /** The same as a sentence or two, for who listens. @param {Answer} answer */
  function speak(answer) {
    const concept = answer.concept === null ? null : answer.concepts[answer.concept];
    const sentences = [noteOf(answer)];
    if (answer.finished && answer.known && concept) {
      const probability = percent(concept.probability);
      sentences.push(text('answer-spoken', { name: answer.name, probability }));
    } else if (!answer.finished) {
      sentences.push(text('answer-spoken-unfinished', { name: answer.name }));
    }
    const order = [...answer.examples].sort((a, b) => b.share - a.share);
    if (order.length > 0) {
      const { concept: index, picture, share } = order[0];
      const own = answer.examples.filter((example) => example.concept === index);
      sentences.push(
        text('answer-spoken-share', {
          position: own.findIndex((example) => example.picture === picture) + 1,
          name: answer.concepts[index]?.name,
          share: percent(share),
        }),
      );
    }
    return sentences.filter(Boolean).join(' ');
  }

  /** @param {Result} result */
  function renderTimes({ answer, link }) {
    const { encode, prefill, decode, evidence } = answer.milliseconds;
    const kept = text('time-kept');
    const rows = [
      ['time-encode', duration(encode + (link.reused ? 0 : link.encode_milliseconds))],
      ['time-link', link.reused ? kept : duration(link.milliseconds)],
      ['time-prefill', duration(prefill)],
      ['time-decode', duration(decode)],
      ['time-evidence', duration(evidence)],
      ['time-speed', text('tokens-per-second', { number: answer.tokens_per_second })],
    ];
    times.replaceChildren(
      ...rows.map(([key, value]) => {
        const row = document.createElement('div');
        const term = document.createElement('dt');
        const description = document.createElement('dd');
        term.textContent = text(key);
        description.textContent = value;
        row.append(term, description);
        return row;
      }),
    );
  }

  /** @param {Answer} answer */
  function renderBars(answer) {
    const best = likeliest(answer);
    bars.replaceChildren(
      ...answer.concepts.map((concept, index) => {
        const bar = copyOf('probability-template');
        bar.dataset.concept = String(index);
        bar.dataset.testid = `probability-${index}`;
        bar.classList.toggle('best', concept === best);
        within(bar, '.bar-name', HTMLElement).textContent = concept.name;
        within(bar, '.bar-value', HTMLElement).textContent = percent(concept.probability);
        fill(bar, concept.probability);
        return bar;
      }),
    );
  }

  /** @param {boolean} busy */
  function reset(busy) {
    panel.setAttribute('aria-busy', String(busy));
    empty.hidden = busy || last !== null;
    stage.hidden = !busy;
    line.hidden = true;
    line.classList.toggle('writing', busy);
    note.hidden = true;
    evidence.hidden = true;
    stale.hidden = true;
    panel.classList.remove('stale');
    line.classList.remove('unsure');
    lead.textContent = text('answer-lead');
    name.textContent = '';
    delete name.dataset.concept;
  }

  /** @param {Result} result */
  function render(result) {
    const { answer } = result;
    reset(false);
    line.hidden = false;
    name.textContent = answer.name;
    const sure = answer.known && answer.finished;
    lead.textContent = text(sure ? 'answer-lead' : 'answer-lead-unsure');
    line.classList.toggle('unsure', !sure);
    if (answer.concept !== null && sure) name.dataset.concept = String(answer.concept);
    note.textContent = noteOf(answer);
    note.hidden = note.textContent === '';
    evidence.hidden = false;
    renderBars(answer);
    renderTimes(result);
    device.textContent = text('answer-device', { device: result.device });
  }

  return {
    begin() {
      reset(true);
      spoken.textContent = '';
      panel.scrollIntoView({ block: 'nearest' }); // on a phone it is below the question
    },

    /** @param {'load' | 'link' | 'answer'} step */
    stage(step) {
      stage.textContent = text(`answer-stage-${step}`);
      stage.hidden = false;
    },

    /** @param {string} piece of the name, as it comes */
    token(piece) {
      stage.hidden = true;
      line.hidden = false;
      name.textContent = `${name.textContent}${piece}`.trimStart();
    },

    /** @param {Result} result */
    show(result) {
      last = result;
      render(result);
      spoken.textContent = speak(result.answer);
    },

    /** Goes back to the last answer. @param {string} [why] */
    restore(why = '') {
      reset(false);
      if (last) render(last);
      if (!why) return;
      empty.hidden = true;
      note.textContent = why;
      note.hidden = false;
      spoken.textContent = why;
    },

    /** @param {boolean} is whether the board is no longer what was asked */
    setStale(is) {
      if (!last || panel.getAttribute('aria-busy') === 'true') return;
      stale.hidden = !is;
      panel.classList.toggle('stale', is);
    },
  };
}
