/** What if the examples were others? Each change is one press, and its answer stands beside the one before it. */
import { likeliest, noteOf } from './answer.js';
import { byId, copyOf, fill, make, within } from './dom.js';
import { percent, text } from './texts.js';

/** What a linked answer is, and whether this one was it. @param {Result} result @param {Changed} changed */
function sentencesOf({ answer }, { expectation: { kind, concept, chance }, verdict }) {
  const { name } = answer.concepts[concept ?? answer.concept ?? 0];
  const expected = text(`expected-${kind}`, { name, chance: percent(chance ?? 0) });
  return [expected, text(`verdict-${verdict}`)];
}

/** @param {(place: number) => void} run the intervention in this place of the result's */
export function createWhatIf(run) {
  const section = byId('what-if', HTMLElement);
  const list = byId('what-ifs', HTMLElement);
  const spoken = byId('what-if-spoken', HTMLElement);

  /** @param {HTMLElement} card @param {Result} result @param {Changed} changed */
  function renderResult(card, result, changed) {
    const { answer } = changed;
    const rows = answer.concepts.map(({ name, probability }, index) => {
      const row = copyOf('comparison-template');
      row.dataset.concept = String(index);
      within(row, '.bar-name', HTMLElement).textContent = name;
      for (const [of, share] of [
        ['.before', result.answer.concepts[index].probability],
        ['.after', probability],
      ]) {
        const cell = within(row, String(of), HTMLElement);
        fill(cell, Number(share));
        within(cell, '.bar-value', HTMLElement).textContent = percent(Number(share));
      }
      return row;
    });
    within(card, 'tbody', HTMLElement).replaceChildren(...rows);
    const [before, after] = [result.answer, answer].map((given) => noteOf(given) || given.name);
    const line = text('what-if-answer', { before, after });
    within(card, '.what-if-answer', HTMLElement).textContent = line;
    const [expected, verdict] = sentencesOf(result, changed);
    within(card, '.expected', HTMLElement).textContent = expected;
    const mark = within(card, '.verdict', HTMLElement);
    mark.textContent = verdict;
    mark.dataset.verdict = changed.verdict;
  }

  return {
    /** @param {Result | null} result the answer that the changes start from @param {boolean} stale
     * @param {number | null} running the place of the one under way */
    show(result, stale, running) {
      const shown = result?.what_ifs ?? [];
      section.hidden = shown.length === 0;
      const focused = list.contains(document.activeElement)
        ? document.activeElement?.getAttribute('data-testid')
        : null;
      list.replaceChildren(
        ...shown.map((intervention, place) => {
          const { kind } = intervention;
          const card = copyOf('what-if-template');
          card.dataset.testid = `what-if-${kind}`;
          within(card, 'h3', HTMLElement).textContent = text(`what-if-${kind}`);
          within(card, '.what-if-text', HTMLElement).textContent = text(`what-if-${kind}-text`);
          const button = within(card, 'button', HTMLButtonElement);
          button.dataset.testid = `what-if-run-${kind}`;
          button.disabled = stale || running !== null;
          button.textContent = text(running === place ? 'what-if-running' : 'what-if-run');
          button.ariaLabel = `${button.textContent}: ${text(`what-if-${kind}`)}`;
          button.addEventListener('click', () => run(place));
          const changed = result?.tried.get(place);
          button.hidden = Boolean(changed);
          within(card, '.what-if-result', HTMLElement).hidden = !changed;
          if (result && changed) renderResult(card, result, changed);
          return card;
        }),
      );
      if (focused) within(list, `[data-testid="${focused}"]`, HTMLElement).focus();
    },

    /** Says a result to who listens. @param {Result} result @param {Changed} changed */
    speak(result, changed) {
      const { name } = changed.answer;
      const { probability } = likeliest(changed.answer);
      spoken.textContent = [
        text('what-if-spoken', { name, probability: percent(probability) }),
        ...sentencesOf(result, changed),
      ].join(' ');
    },
  };
}
