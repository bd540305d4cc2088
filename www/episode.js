/**
 * What is on the board. Each change makes a new value, so that an older one can be compared with it.
 * No rule of an episode is here: those are in the Rust crate, which is asked before each question.
 */

/** How much the board has room for. */
export const CONCEPTS = { first: 2, most: 5 };
export const PICTURES = 8;
export const QUERIES = 8;

/** How many steps back are kept. */
const STEPS = 50;

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

/** @param {Episode} episode @returns {Picture[]} */
const picturesOf = (episode) => [...supportOf(episode), ...episode.queries];

/**
 * Holds the present episode and those before it. Tells of a change by an event `change`, and of pictures that no step leads back to by
 * `dropped`.
 */
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

  /**
   * @param {Episode} next
   * @param {string} [kind] of the step: a name is typed letter by letter and taken back at once
   */
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

  /** @param {string} key */
  has(key) {
    return this.episode.concepts.some((concept) => concept.key === key);
  }

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

  /**
   * Puts a picture, new or from another place, into a concept, or into none.
   * @param {Picture} picture
   * @param {string | null} concept
   * @param {number} [place] before which it then stands; the last where there is none
   */
  placePicture(picture, concept, place = PICTURES) {
    this.#setConcepts((concepts) =>
      concepts.map((old) => {
        const pictures = old.pictures.filter((other) => other !== picture);
        if (old.key === concept) pictures.splice(place, 0, picture);
        return { ...old, pictures };
      }),
    );
  }

  /** Adds a picture to ask about and asks about it. @param {Picture} picture */
  addQuery(picture) {
    const queries = [...this.episode.queries, picture];
    this.set({ ...this.episode, queries, query: picture.key });
  }

  /** Looks at another question, which is no step. @param {string} key */
  chooseQuery(key) {
    this.episode = { ...this.episode, query: key };
    this.dispatchEvent(new Event('change'));
  }

  /** @param {string} key */
  removeQuery(key) {
    const queries = this.episode.queries.filter((picture) => picture.key !== key);
    const query = this.episode.query === key ? (queries[0]?.key ?? null) : this.episode.query;
    this.set({ ...this.episode, queries, query });
  }
}
