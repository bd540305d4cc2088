/** The episode on the board as a file, and episodes that come as files or links, with what the model answered where they were made. */
import { byId } from './dom.js';
import { CONCEPTS, newConcept, outlineOf, supportOf } from './episode.js';
import { clearMessage } from './messages.js';
import { percent, text } from './texts.js';

/** @param {File} file */
const isEpisode = ({ name, type }) => name.endsWith('.json') || type === 'application/json';

/** What came with an episode is known by all that an answer depends on. @param {Episode} episode */
const keyOf = (episode) => JSON.stringify(outlineOf(episode));

/** What to say of an answer beside the one that came along. @param {import('./pkg/types.js').Sameness} sameness */
export function comparedText({ same_name, same_evidence, same_pack, largest, before, after }) {
  const values = { before, after, largest: percent(largest) };
  const evidence = same_evidence ? 'evidence' : 'other-evidence';
  const same = same_evidence === null ? 'name' : evidence;
  const line = text(`compared-${same_name ? same : 'other'}`, values);
  return same_pack === false ? `${line} ${text('compared-pack')}` : line;
}

/** @param {import('./engine.js').Engine} engine @param {import('./episode.js').Store} store
 * @param {import('./answers.js').Answers} answers @param {(thrown: unknown) => void} tell of a failure */
export function createFiles(engine, store, answers, tell) {
  const link = byId('file-link', HTMLAnchorElement);
  const input = byId('file-open', HTMLInputElement);
  /** @type {Map<string, { said: import('./pkg/types.js').Said, pack: string | null }>} */
  const came = new Map();

  /** The board with its answers, as it is kept or shared. @returns {import('./pkg/types.js').SharedEpisode} */
  function board() {
    const { episode } = store;
    const said = episode.queries.map(({ key }) => {
      const { result, stale } = answers.of(episode, key);
      if (!result || stale) return null;
      const { answer, link } = result;
      return { name: answer.name, evidence: { answer, link } };
    });
    const asked = episode.queries.findIndex(({ key }) => key === episode.query);
    return {
      concepts: episode.concepts,
      queries: episode.queries,
      asked: Math.max(asked, 0),
      pack: null, // the one that is loaded, where one is
      answers: said.some(Boolean) ? said : [],
    };
  }

  async function save() {
    clearMessage();
    const file = await engine.saveEpisode(board());
    const names = store.episode.concepts.map(({ name }) => name.trim()).filter(Boolean);
    const stem = names.join('-').replace(/[^\p{L}\p{N}-]+/gu, '-') || text('file-name');
    link.href = URL.createObjectURL(file);
    link.download = `${stem.slice(0, 80)}.lcl.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** Puts an episode on the board that came as a file or as a link's fragment. @param {Blob | string} source */
  async function open(source) {
    clearMessage();
    const shared = await engine.openEpisode(source);
    const concepts = shared.concepts.map(({ name, pictures }) => newConcept(name, pictures));
    while (concepts.length < CONCEPTS.first) concepts.push(newConcept());
    const { queries, pack } = shared;
    const episode = { concepts, queries, query: queries[shared.asked]?.key ?? null };
    for (const [place, said] of shared.answers.entries()) {
      if (!said) continue;
      const asked = { ...episode, query: queries[place].key };
      came.set(keyOf(asked), { said, pack });
      if (!said.evidence) continue;
      const { answer, link } = said.evidence;
      const result = { answer, link: { ...link, reused: false }, what_ifs: said.what_ifs ?? [] };
      const none = { right: null, device: '', recorded: [], tried: new Map(), came: true };
      answers.put(asked, { ...result, ...none });
    }
    store.set(episode);
    const counts = { pictures: supportOf(episode).length, questions: queries.length };
    byId('board-spoken', HTMLElement).textContent = text('file-opened', counts);
  }

  byId('file-save', HTMLButtonElement).addEventListener('click', () => void save().catch(tell));
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    input.value = ''; // so that the same file can be opened again
    if (file) void open(file).catch(tell);
  });
  // Dropped anywhere; what takes pictures sees that it was taken.
  window.addEventListener(
    'drop',
    (event) => {
      const file = [...(event.dataTransfer?.files ?? [])].find(isEpisode);
      if (!file) return;
      event.preventDefault();
      void open(file).catch(tell);
    },
    { capture: true },
  );

  return {
    board,
    open,

    /** An answer beside the one that came with its episode; nothing where none came. @param {Episode} episode @param {Answer} answer */
    async compare(episode, answer) {
      const before = came.get(keyOf(episode));
      return before && engine.compareAnswers(before.said, answer, before.pack);
    },
  };
}
