/** Short lessons, each on a ready episode and, where it is about a change, with that change tried. */
import { byId, copyOf, within } from './dom.js';
import { supportOf } from './episode.js';
import { percent, text } from './texts.js';

/** A lesson on what the model gets wrong opens a question that it does get wrong, of its own episode or, where there is none, of the
 * hardest. @type {{ id: string, entry: string, wrong?: boolean, kind?: Intervention['kind'] }[]} */
const LESSONS = [
  { id: 'support', entry: 'animals' },
  { id: 'names', entry: 'doughnut-snail' },
  { id: 'swap', entry: 'robots', kind: 'swap' },
  { id: 'shots', entry: 'animals', kind: 'fewer' },
  { id: 'fails', entry: 'cactihog', wrong: true },
  { id: 'lies', entry: 'false-friends' },
  { id: 'side', entry: 'mirror' },
  { id: 'count', entry: 'counting' },
];

/** @param {(lesson: typeof LESSONS[0]) => void} open pressed */
export function createLessons(open) {
  const list = byId('lesson-cards', HTMLElement);
  /** @type {string | null} the lesson that the board was last opened for */
  let current = null;
  byId('print', HTMLButtonElement).addEventListener('click', () => window.print());

  return {
    /** @param {Episode} episode on the board @param {Result | null} result its answer, if there is one */
    show(episode, result) {
      const focused = list.contains(document.activeElement) ? current : null;
      const cards = LESSONS.map((lesson, index) => {
        const { id } = lesson;
        const card = copyOf('lesson-template');
        card.dataset.testid = `lesson-${id}`;
        const title = text(`lesson-${id}`);
        within(card, 'h3', HTMLElement).textContent = `${index + 1}. ${title}`;
        within(card, '.lesson-text', HTMLElement).textContent = text(`lesson-${id}-text`);
        const now = within(card, '.lesson-now', HTMLElement);
        now.hidden = id !== current || !result || result.answer.concepts.length === 0;
        card.toggleAttribute('aria-current', id === current);
        if (result && !now.hidden) {
          now.textContent = text('lesson-now', {
            concepts: episode.concepts.length,
            pictures: supportOf(episode).length,
            name: result.answer.name,
            probability: percent(Math.max(...result.answer.concepts.map((of) => of.probability))),
          });
        }
        const button = within(card, 'button', HTMLButtonElement);
        button.ariaLabel = `${text('lesson-open')}: ${title}`;
        button.addEventListener('click', () => {
          current = id;
          open(lesson);
        });
        return card;
      });
      list.replaceChildren(...cards);
      if (focused)
        list.querySelectorAll('button')[LESSONS.findIndex(({ id }) => id === focused)].focus();
    },
  };
}
