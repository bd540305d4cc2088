/** The answer as it is written, then what it rests on: the probability of each token and name, the time, the device. */
import { byId, copyOf, fill, make, within } from './dom.js';
import { comparedText } from './files.js';
import { duration, percent, text } from './texts.js';

/** The name with the highest probability. @param {Answer} answer */
export const likeliest = ({ concepts }) =>
  concepts.reduce((best, concept) => (concept.probability > best.probability ? concept : best));

/** Whether it names another concept than the right one, where that is known. @param {Result | null} result */
export const isWrong = (result) =>
  result?.right != null && ![null, result.right].includes(result.answer.concept);

/** What there is to say of an answer that is none of the names. @param {Answer} answer */
export function noteOf(answer) {
  if (!answer.finished) return text('answer-unfinished');
  if (answer.concept !== null) return '';
  const { name, probability } = likeliest(answer);
  return text('answer-unknown', { name, probability: percent(probability) });
}

/** The same as a sentence or two, for who listens. @param {Answer} answer @param {string} note */
function spokenOf({ name, concept, concepts, examples, finished }, note) {
  const sentences = [note];
  if (concept !== null) {
    const probability = percent(concepts[concept].probability);
    sentences.push(text('answer-spoken', { name, probability }));
  } else if (!finished) {
    sentences.push(text('answer-spoken-unfinished', { name }));
  }
  const [most] = [...examples].sort((a, b) => b.share - a.share);
  if (most && concepts.length > 0) {
    const own = examples.filter((example) => example.concept === most.concept);
    const values = {
      position: own.indexOf(most) + 1,
      name: concepts[most.concept].name,
      share: percent(most.share),
    };
    sentences.push(text('answer-spoken-share', values));
  }
  return sentences.filter(Boolean).join(' ');
}

export function createAnswer() {
  const panel = byId('answer', HTMLElement);
  const bars = byId('probabilities', HTMLElement);
  const times = byId('times', HTMLElement);
  const parts = 'empty stage line lead name note evidence device compared stale spoken'.split(' ');
  const [empty, stage, line, lead, name, note, evidence, device, compared, staleNote, spoken] =
    parts.map((part) => byId(`answer-${part}`, HTMLElement));

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
        row.append(make('dt', text(key)), make('dd', value));
        return row;
      }),
    );
  }

  /** @param {Answer} answer */
  function renderBars(answer) {
    const { concepts } = answer;
    bars.replaceChildren(
      ...concepts.map((concept, index) => {
        const bar = copyOf('probability-template');
        bar.dataset.concept = String(index);
        bar.dataset.testid = `probability-${index}`;
        bar.classList.toggle('best', concept === likeliest(answer));
        within(bar, '.bar-name', HTMLElement).textContent = concept.name;
        within(bar, '.bar-value', HTMLElement).textContent = percent(concept.probability);
        fill(bar, concept.probability);
        return bar;
      }),
    );
  }

  /** A token shows its probability where the pointer or the focus is. @param {Answer['tokens'][0]} token */
  function makeToken({ text: piece, probability }) {
    const token = make('span', piece, 'token');
    token.tabIndex = 0;
    token.dataset.share = percent(probability);
    token.role = 'group';
    token.ariaLabel = text('token-label', { token: piece, probability: percent(probability) });
    return token;
  }

  /** @param {boolean} busy */
  function reset(busy) {
    panel.setAttribute('aria-busy', String(busy));
    empty.hidden = busy;
    stage.hidden = !busy;
    line.classList.toggle('writing', busy);
    line.hidden = note.hidden = evidence.hidden = staleNote.hidden = true;
    panel.classList.remove('stale');
    line.classList.remove('unsure');
    lead.textContent = text('answer-lead');
    name.replaceChildren();
    delete name.dataset.concept;
  }

  return {
    begin() {
      reset(true);
      panel.scrollIntoView({ block: 'nearest' }); // on a phone it is below the question
    },

    /** @param {'load' | 'link' | 'answer'} step */
    stage(step) {
      stage.textContent = text(`answer-stage-${step}`);
      stage.hidden = false;
    },

    /** @param {Answer['tokens'][0]} token of the name, as it comes */
    token(token) {
      stage.hidden = true;
      line.hidden = false;
      name.append(makeToken(token));
    },

    /** @param {Result | null} result @param {boolean} stale whether the board is no longer what was asked */
    show(result, stale) {
      if (panel.getAttribute('aria-busy') === 'true') return;
      reset(false);
      if (!result) return;
      const { answer } = result;
      const sure = answer.concept !== null;
      empty.hidden = true;
      line.hidden = false;
      name.replaceChildren(...answer.tokens.map(makeToken));
      lead.textContent = text(sure ? 'answer-lead' : 'answer-lead-unsure');
      line.classList.toggle('unsure', !sure);
      if (sure) name.dataset.concept = String(answer.concept);
      note.textContent = isWrong(result)
        ? text('answer-wrong', { name: answer.concepts[result.right ?? 0].name })
        : noteOf(answer);
      note.hidden = note.textContent === '';
      staleNote.hidden = !stale;
      panel.classList.toggle('stale', stale);
      evidence.hidden = answer.concepts.length === 0;
      renderBars(answer);
      renderTimes(result);
      device.textContent = result.device
        ? text('answer-device', { device: result.device })
        : text(result.came ? 'answer-came' : 'answer-recorded');
      compared.hidden = !result.compared;
      compared.textContent = result.compared ? comparedText(result.compared) : '';
      const sentences = stale ? '' : spokenOf(answer, note.textContent);
      if (spoken.textContent !== sentences) spoken.textContent = sentences; // the same is not said twice
    },

    /** The end of a question, with or without an answer. */
    end: () => panel.setAttribute('aria-busy', 'false'),

    /** Says why there is no new answer. @param {string} why */
    say(why) {
      empty.hidden = true;
      note.textContent = why;
      note.hidden = false;
      spoken.textContent = why;
    },
  };
}
