/**
 * `<link-context-episode>`: an episode on anybody's page, to look at and to ask.
 *
 *     <script type="module" src="pkg/element.js"></script>
 *     <link-context-episode src="episode.lcl.json" pack="pack/"></link-context-episode>
 *
 * `src` is the address of an episode file, or `episode` the fragment of a link. The weights come only when somebody presses Ask. An event
 * `answer` carries each answer in its `detail`.
 */
import { LinkContext } from './client.js';
import { LinkContextError } from './errors.js';

/** @import { Answer, Picture, SharedEpisode } from './types.js' */

/** The words of the element, by the language of the element or the page around it. */
const WORDS = {
  en: {
    ask: 'What is this called?',
    loading: (/** @type {number} */ percent) => `Loading the model: ${percent}%`,
    working: 'Looking…',
    came: 'as recorded',
    failed: (/** @type {string} */ why) => `That did not work (${why}).`,
  },
  de: {
    ask: 'Wie heißt das?',
    loading: (/** @type {number} */ percent) => `Das Modell lädt: ${percent} %`,
    working: 'Sieht hin…',
    came: 'wie aufgezeichnet',
    failed: (/** @type {string} */ why) => `Das ging nicht (${why}).`,
  },
  zh: {
    ask: '这叫什么？',
    loading: (/** @type {number} */ percent) => `正在加载模型：${percent}%`,
    working: '正在看…',
    came: '先前的记录',
    failed: (/** @type {string} */ why) => `出错了（${why}）。`,
  },
};

const STYLE = `
:host { display: block; font: 16px/1.4 system-ui, sans-serif; color-scheme: light dark; }
:host([hidden]) { display: none; }
.concepts { display: flex; flex-wrap: wrap; gap: 12px 24px; margin: 0; padding: 0; list-style: none; }
.name { margin: 0 0 4px; font-weight: 650; }
.row { display: flex; flex-wrap: wrap; gap: 6px; }
figure { margin: 0; }
figcaption { font-size: 12px; text-align: center; min-height: 1.4em; }
canvas { display: block; width: 72px; height: 72px; border-radius: 8px; background: #fff; }
.asked { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; margin-block-start: 16px; }
.asked canvas { width: 112px; height: 112px; }
.asked + .row { margin-block-start: 12px; }
button { font: inherit; padding: 8px 16px; border-radius: 10px; border: 1px solid currentcolor; background: none; color: inherit; cursor: pointer; }
button:disabled { opacity: 0.5; cursor: default; }
button.query { padding: 2px; }
button.query[aria-pressed='true'] { outline: 2px solid currentcolor; }
button.query canvas { width: 48px; height: 48px; }
.answer { margin: 0; min-height: 1.4em; }
strong { font-size: 1.25em; }
`;

/** @param {Picture} picture @param {string} label */
function drawing({ square }, label) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [square.width, square.height];
  canvas.getContext('2d')?.putImageData(square, 0, 0);
  canvas.role = 'img';
  canvas.ariaLabel = label;
  return canvas;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {(Node | string)[]} content
 */
function make(tag, className, ...content) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

export class LinkContextEpisode extends HTMLElement {
  static observedAttributes = ['src', 'episode', 'pack'];

  /** @type {LinkContext | null} */
  #model = null;
  /** @type {SharedEpisode | null} */
  #episode = null;
  #loaded = false;
  #asked = 0;
  #turn = 0;
  #status = make('p', 'answer');

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const shadow = this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [sheet];
    this.#status.role = 'status';
  }

  connectedCallback() {
    void this.#open();
  }

  attributeChangedCallback() {
    if (this.isConnected) void this.#open();
  }

  disconnectedCallback() {
    this.#model?.close();
    [this.#model, this.#loaded] = [null, false];
  }

  get #words() {
    const around = this.closest('[lang]')?.getAttribute('lang') ?? '';
    const lang = around.split('-')[0];
    return lang in WORDS ? WORDS[/** @type {keyof typeof WORDS} */ (lang)] : WORDS.en;
  }

  /** Reads the episode that the attributes name, and shows it. */
  async #open() {
    const turn = ++this.#turn;
    const [src, fragment] = [this.getAttribute('src'), this.getAttribute('episode')];
    if (!src && !fragment) return;
    this.#model?.close();
    const model = new LinkContext({ pack: this.getAttribute('pack') ?? 'pack/' });
    [this.#model, this.#loaded] = [model, false];
    try {
      const episode = await model.openEpisode(fragment ?? (await this.#fetch(src ?? '')));
      if (turn !== this.#turn) return; // another was named since
      this.#episode = episode;
      this.#asked = episode.asked;
      this.#render();
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  /** @param {string} src */
  async #fetch(src) {
    const response = await fetch(new URL(src, this.baseURI)).catch(() => null);
    if (!response?.ok) throw new LinkContextError({ code: 'episode-missing', subject: src });
    return response.blob();
  }

  /** @param {unknown} error */
  #fail(error) {
    const why = error instanceof Error ? error.message : String(error);
    this.#status.textContent = this.#words.failed(why);
    if (!this.#status.isConnected) this.shadowRoot?.append(this.#status);
  }

  #render() {
    if (!this.#episode) return;
    const { concepts, queries, answers } = this.#episode;
    const groups = concepts.map(({ name, pictures }) => {
      const title = make('p', 'name', name);
      title.dir = 'auto';
      const figures = pictures.map((picture, place) => {
        const caption = make('figcaption', 'share');
        caption.dataset.picture = picture.key;
        return make('figure', '', drawing(picture, `${name} ${place + 1}`), caption);
      });
      return make('li', '', title, make('div', 'row', ...figures));
    });
    const choices = queries.map((picture, place) => {
      const choice = make('button', 'query', drawing(picture, String(place + 1)));
      choice.ariaPressed = String(place === this.#asked);
      choice.addEventListener('click', () => {
        this.#asked = place;
        this.#render();
      });
      return choice;
    });
    const query = queries[this.#asked];
    const ask = make('button', 'ask', this.#words.ask);
    ask.part.add('ask');
    ask.addEventListener('click', () => void this.#ask(ask));
    const shown = query ? [drawing(query, '?'), make('div', '', ask, this.#status)] : [];
    this.shadowRoot?.replaceChildren(
      make('ul', 'concepts', ...groups),
      make('div', 'asked', ...shown),
      make('div', 'row', ...(queries.length > 1 ? choices : [])),
    );
    const evidence = answers[this.#asked]?.evidence;
    this.#status.replaceChildren();
    if (evidence) this.#tell(evidence.answer, this.#words.came);
  }

  /** @param {Answer} answer @param {string} note */
  #tell({ name, concept, concepts, examples }, note = '') {
    const strong = make('strong', '', name);
    strong.dir = 'auto';
    const probability = concept === null ? '' : ` ${this.#percent(concepts[concept].probability)}`;
    this.#status.replaceChildren(strong, `${probability}${note ? ` (${note})` : ''}`);
    for (const { picture, share } of examples) {
      const caption = this.shadowRoot?.querySelector(`[data-picture="${picture}"]`);
      if (caption) caption.textContent = this.#percent(share);
    }
  }

  /** @param {number} share */
  #percent(share) {
    const lang = this.closest('[lang]')?.getAttribute('lang') || undefined;
    return new Intl.NumberFormat(lang, { style: 'percent' }).format(share);
  }

  /** @param {HTMLButtonElement} button */
  async #ask(button) {
    const model = this.#model;
    if (!this.#episode || !model) return;
    const { concepts, queries } = this.#episode;
    button.disabled = true;
    try {
      const words = this.#words;
      const query = queries[this.#asked];
      await model.check({ concepts, query });
      if (!this.#loaded) {
        const onProgress = (/** @type {{ loaded: number, total: number }} */ { loaded, total }) => {
          this.#status.textContent = words.loading(Math.floor((100 * loaded) / total));
        };
        await model.load({ onProgress });
        this.#loaded = true;
      }
      this.#status.textContent = words.working;
      const { answer } = await model.ask({ concepts, query }).reply;
      this.#tell(answer);
      this.dispatchEvent(new CustomEvent('answer', { detail: answer }));
    } catch (error) {
      this.#fail(error);
    } finally {
      button.disabled = false;
    }
  }
}

customElements.define('link-context-episode', LinkContextEpisode);
