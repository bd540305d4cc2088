/**
 * What is on the board. Each change makes a new value, so that an older one can be compared with it.
 * No rule of an episode is here: those are in the Rust crate, which is asked before each question.
 */

/**
 * A picture that was decoded.
 * @typedef {object} Picture
 * @property {string} key the page's own name for it, known to the worker
 * @property {string} name of the file
 * @property {ImageData} square as the model sees it
 * @property {boolean} animated whether the file has more frames than this
 */

/**
 * @typedef {object} Concept
 * @property {string} key
 * @property {string} name as typed
 * @property {Picture[]} pictures
 */

/**
 * @typedef {object} Episode
 * @property {Concept[]} concepts
 * @property {Picture[]} queries the pictures that can be asked about
 * @property {string | null} query the key of the one that is asked about
 */

/** How many concepts the board has room for. */
export const CONCEPTS = { first: 2, most: 5 };

let made = 0;

/** A key that no other thing on the page has. @param {string} kind */
export const newKey = (kind) => `${kind}-${++made}`;

/**
 * @param {string} [name]
 * @param {Picture[]} [pictures]
 * @returns {Concept}
 */
export const newConcept = (name = '', pictures = []) => ({
  key: newKey('concept'),
  name,
  pictures,
});

/** @param {Episode} episode @returns {Picture[]} */
export const supportOf = (episode) => episode.concepts.flatMap((concept) => concept.pictures);

/** @param {Episode} episode @returns {Picture | undefined} */
export const queryOf = (episode) => episode.queries.find(({ key }) => key === episode.query);

/**
 * The episode as the worker takes it: names and keys of pictures.
 * @param {Episode} episode
 */
export const outlineOf = (episode) => ({
  concepts: episode.concepts.map(({ name, pictures }) => ({
    name,
    pictures: pictures.map(({ key }) => key),
  })),
  query: episode.query,
});

/**
 * Holds the present episode. Tells of a change by an event `change`, and of pictures that are no longer used by `dropped`.
 */
export class Store extends EventTarget {
  /** @type {Episode} */
  episode = {
    concepts: Array.from({ length: CONCEPTS.first }, () => newConcept()),
    queries: [],
    query: null,
  };

  /** @param {Episode} next */
  set(next) {
    const kept = new Set([...supportOf(next), ...next.queries]);
    const dropped = [...supportOf(this.episode), ...this.episode.queries].filter(
      (picture) => !kept.has(picture),
    );
    this.episode = next;
    this.dispatchEvent(new Event('change'));
    if (dropped.length > 0) this.dispatchEvent(new CustomEvent('dropped', { detail: dropped }));
  }

  /** @param {string} key */
  has(key) {
    return this.episode.concepts.some((concept) => concept.key === key);
  }

  /**
   * @param {string} key
   * @param {(concept: Concept) => Concept} change
   */
  setConcept(key, change) {
    const concepts = this.episode.concepts.map((concept) =>
      concept.key === key ? change(concept) : concept,
    );
    this.set({ ...this.episode, concepts });
  }

  addConcept() {
    const concept = newConcept();
    this.set({ ...this.episode, concepts: [...this.episode.concepts, concept] });
    return concept;
  }

  /** @param {string} key */
  removeConcept(key) {
    const concepts = this.episode.concepts.filter((concept) => concept.key !== key);
    this.set({ ...this.episode, concepts });
  }

  /** Adds a picture to ask about and asks about it. @param {Picture} picture */
  addQuery(picture) {
    const queries = [...this.episode.queries, picture];
    this.set({ ...this.episode, queries, query: picture.key });
  }

  /** @param {string} key */
  chooseQuery(key) {
    this.set({ ...this.episode, query: key });
  }

  /** @param {string} key */
  removeQuery(key) {
    const queries = this.episode.queries.filter((picture) => picture.key !== key);
    const query = this.episode.query === key ? (queries[0]?.key ?? null) : this.episode.query;
    this.set({ ...this.episode, queries, query });
  }
}
