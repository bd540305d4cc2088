/** What is on the board. Each change makes a new value, so that an older one can be compared with it. No rule of an episode is here:
 * those are in the Rust crate, which is asked before each question. */
import { byId } from './dom.js';
import { text } from './texts.js';

/** How much the board has room for: index.html has it from src/episode.rs. */
const { least, most, pictures } = byId('desk', HTMLElement).dataset;
export const CONCEPTS = { first: Number(least), most: Number(most) };
export const PICTURES = Number(pictures);

/** Key of the row that is no concept's: the pictures to name. */
export const QUESTION = 'question';

/** How many steps back are kept. */
const STEPS = 50;

let made = 0;

/** @param {string} [name] @param {Picture[]} [pictures] @returns {Concept} */
export const newConcept = (name = '', pictures = []) => ({
  key: `concept-${++made}`,
  name,
  pictures,
});

/** @returns {Episode} */
export const emptyEpisode = () => ({
  concepts: Array.from({ length: CONCEPTS.first }, () => newConcept()),
  queries: [],
  query: null,
});

/** @param {Episode} episode @returns {Picture[]} */
export const supportOf = (episode) => episode.concepts.flatMap((concept) => concept.pictures);

/** @param {Episode} episode @returns {Picture | undefined} */
export const queryOf = (episode) => episode.queries.find(({ key }) => key === episode.query);

/** The episode as the model is asked about it. @param {Episode} episode */
export const askedOf = (episode) => ({
  concepts: episode.concepts,
  query: queryOf(episode) ?? null,
});

/** What an answer depends on: names and keys of pictures. @param {Episode} episode */
export const outlineOf = (episode) => ({
  concepts: episode.concepts.map(({ name, pictures }) => ({
    name,
    pictures: pictures.map(({ key }) => key),
  })),
  query: episode.query,
});

/** @param {Episode} episode @returns {Picture[]} */
const picturesOf = (episode) => [...supportOf(episode), ...episode.queries];

/** Holds the present episode and those before it. Tells of a change by an event `change`, and of pictures that no step leads back to by
 * `dropped`. */
export class Store extends EventTarget {
  episode = emptyEpisode();
  /** @type {Episode[]} */
  #past = [];
  /** @type {Episode[]} */
  #future = [];
  /** What the last step did, where further steps of the kind belong to it. */
  #kind = '';

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** @param {Episode} next @param {string} [kind] of the step: a name is typed letter by letter and taken back at once */
  set(next, kind = '') {
    const all = [...this.#past, this.episode, ...this.#future];
    if (!kind || kind !== this.#kind) this.#past.push(this.episode);
    if (this.#past.length > STEPS) this.#past.shift();
    this.#kind = kind;
    this.#future = [];
    this.#show(next, all);
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  /** @param {Episode[]} from @param {Episode[]} to */
  #step(from, to) {
    const next = from.pop();
    if (!next) return;
    to.push(this.episode);
    this.#kind = '';
    this.#show(next, []);
  }

  /** @param {Episode} next @param {Episode[]} before every episode that could be shown before this */
  #show(next, before) {
    this.episode = next;
    const kept = new Set([...this.#past, next, ...this.#future].flatMap(picturesOf));
    const dropped = new Set(before.flatMap(picturesOf).filter((picture) => !kept.has(picture)));
    this.dispatchEvent(new Event('change'));
    if (dropped.size > 0) this.dispatchEvent(new CustomEvent('dropped', { detail: [...dropped] }));
  }

  /** The rows that pictures stand in: the concepts', and that of the pictures to name. */
  get rows() {
    const { concepts, queries } = this.episode;
    return [...concepts, { key: QUESTION, name: text('question-heading'), pictures: queries }];
  }

  /** How many more pictures a row takes; any number where it was removed. @param {string} key */
  room(key) {
    const row = this.rows.find((other) => other.key === key);
    return PICTURES - (row?.pictures.length ?? 0);
  }

  /** @param {Picture} picture */
  has = (picture) => picturesOf(this.episode).includes(picture);

  /** @param {(concepts: Concept[]) => Concept[]} change @param {string} [kind] */
  #setConcepts(change, kind) {
    this.set({ ...this.episode, concepts: change(this.episode.concepts) }, kind);
  }

  /** @param {string} key @param {string} name */
  nameConcept(key, name) {
    const named = (/** @type {Concept} */ old) => (old.key === key ? { ...old, name } : old);
    this.#setConcepts((concepts) => concepts.map(named), `name ${key}`);
  }

  addConcept() {
    const concept = newConcept();
    this.#setConcepts((concepts) => [...concepts, concept]);
    return concept;
  }

  /** @param {string} key */
  removeConcept(key) {
    this.#setConcepts((concepts) => concepts.filter((concept) => concept.key !== key));
  }

  /** Puts a picture, new or from another place, into a row, or into none. One to name is the one that is then asked about.
   * @param {Picture} picture @param {string | null} row
   * @param {number} [place] before which it then stands; the last where there is none */
  placePicture(picture, row, place = PICTURES) {
    const target = this.rows.find(({ key }) => key === row);
    if (target && target.pictures.length >= PICTURES && !target.pictures.includes(picture)) return;
    this.#setPictures(
      (key, old) => {
        const pictures = old.filter((other) => other !== picture);
        if (key === row) pictures.splice(place, 0, picture);
        return pictures;
      },
      row === QUESTION ? picture : undefined,
    );
  }

  /** @param {Picture} old @param {Picture} picture that takes its place */
  replacePicture(old, picture) {
    const asked = old.key === this.episode.query ? picture : undefined;
    this.#setPictures((_, all) => all.map((other) => (other === old ? picture : other)), asked);
  }

  /** @param {(row: string, pictures: Picture[]) => Picture[]} change
   * @param {Picture} [asked] to be asked about; where there is none, what was, while it is there */
  #setPictures(change, asked) {
    const { concepts, queries: before, query: last } = this.episode;
    const queries = change(QUESTION, before);
    const kept = asked ?? queries.find(({ key }) => key === last) ?? queries[0];
    const changed = concepts.map((old) => ({ ...old, pictures: change(old.key, old.pictures) }));
    this.set({ concepts: changed, queries, query: kept?.key ?? null });
  }

  /** Looks at another question, which is no step. @param {string} key */
  chooseQuery(key) {
    this.episode = { ...this.episode, query: key };
    this.dispatchEvent(new Event('change'));
  }
}
