// Names as long as they may be, in the real pack: each comes back letter for letter, whatever it is written in.
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';
import { ask } from './real-pack.js';

/** The most characters that a name may have. */
const LIMIT = 64;

/** First character of a run of 24 in each script. */
const scripts = {
  latin: 'a',
  greek: 'α',
  cyrillic: 'а',
  chinese: '丁',
  arabic: 'ب',
  emoji: '🐀',
};

/** A name of characters of one script without any order to it. */
function draw(first, seed) {
  let state = seed;
  const next = () => {
    // Park and Miller's generator: the same name each time.
    state = (state * 48271) % 0x7fffffff;
    return String.fromCodePoint(first.codePointAt(0) + (state % 24));
  };
  return Array.from({ length: LIMIT }, next).join('');
}

const names = Object.entries(scripts).map(([script, first], index) => [
  script,
  draw(first, index + 1),
]);

for (let index = 0; index < names.length; index += 2) {
  const pair = names.slice(index, index + 2);
  test(`${pair.map(([script]) => script).join(' and ')} names of ${LIMIT} characters come back letter for letter`, async ({
    page,
  }) => {
    const [episode] = gallery;
    const concepts = pair.map(([, name], of) => ({
      name,
      pictures: episode.concepts[of].pictures.slice(0, 1),
    }));
    const queries = concepts.map((_, of) =>
      episode.queries.find(({ answer }) => answer === episode.concepts[of].name),
    );
    const { answers } = await ask(page, 'cpu', { concepts, queries });
    expect(answers.map(({ name }) => name)).toEqual(pair.map(([, name]) => name));
    for (const answer of answers) {
      expect(answer.finished).toBe(true);
      const likeliest = Math.max(...answer.concepts.map(({ probability }) => probability));
      expect(answer.concepts[answer.concept].probability).toBe(likeliest);
    }
  });
}
