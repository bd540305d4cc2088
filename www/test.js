/** The 2-way protocol on a folder of the visitor's own pictures. What is drawn, counted and left out, and why, comes from the program:
 * see src/folder.rs. Here its steps follow each other, so that a run can be paused and cancelled between any two. */
import { acceptFiles, byId, copyOf, make, within } from './dom.js';
import { asFailure, failure } from './engine.js';
import { percent, sentence, text } from './texts.js';

/** The files below what was dropped, with their paths. @param {any} entry @returns {Promise<Chosen[]>} */
async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    return [{ file, path: entry.fullPath }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    /** @type {any[]} a browser gives a hundred at a time */
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    for (const below of some) found.push(...(await filesBelow(below)));
  }
}

/** @param {string} title @param {'row' | 'col'} scope */
function headOf(title, scope) {
  const head = make('th', title);
  head.scope = scope;
  head.dir = 'auto';
  return head;
}

/** @param {string} title @param {HTMLElement[]} cells */
function rowOf(title, cells) {
  const row = document.createElement('tr');
  row.append(headOf(title, 'row'), ...cells);
  return row;
}

/** @param {import('./engine.js').Engine} engine @param {ReturnType<typeof import('./model.js').createModel>} model
 * @param {(thrown: unknown) => void} tell of a failure */
export function createTest(engine, model, tell) {
  const node = (/** @type {string} */ name) => byId(`test-${name}`, HTMLElement);
  const button = (/** @type {string} */ name) => byId(`test-${name}`, HTMLButtonElement);
  const [start, pause, cancel] = [button('start'), button('pause'), button('cancel')];
  const progress = byId('test-progress', HTMLProgressElement);
  const csv = byId('test-csv', HTMLAnchorElement);
  /** @type {Chosen[]} */
  let files = [];
  /** @type {FolderListing | null} */
  let listing = null;
  /** @type {Failure[]} */
  let skipped = [];
  /** @type {FolderReport | null} */
  let report = null;
  /** @type {import('./pkg/index.js').FolderTest | null} */
  let test = null;
  /** @type {'ready' | 'loading' | 'reading' | 'asking' | 'over' | 'cancelled'} */
  let phase = 'ready';
  let [running, paused, cancelled, done, all] = [false, false, false, 0, 1];
  let wake = () => {};

  function render() {
    const held = [start, pause, cancel].find((one) => one === document.activeElement);
    const pictures = listing?.concepts.flatMap((concept) => concept.pictures).length;
    const values = { concepts: listing?.concepts.length, pictures };
    node('found').textContent = text(listing ? 'test-found' : 'test-empty', values);
    node('skipped').replaceChildren(...skipped.map((why) => make('li', sentence(why))));
    start.disabled = !listing;
    start.hidden = running;
    pause.hidden = cancel.hidden = progress.hidden = !running;
    pause.textContent = text(paused ? 'test-continue' : 'test-pause');
    if (held?.hidden) (running ? pause : start).focus();
    [progress.max, progress.value] = [all, done];
    const state = paused ? 'paused' : phase;
    node('state').textContent = phase === 'ready' ? '' : text(`test-${state}`, { done, all });
    node('result').hidden = !report;
    if (report) renderReport(report);
  }

  /** @param {string} key @param {Rate} rate */
  const rateText = (key, { share, low, high, count, of }) =>
    text(key, { share: percent(share), low: percent(low), high: percent(high), count, of });

  /** @param {FolderReport} of */
  function renderReport({ exact, likelier, concepts, confusion, hardest }) {
    node('accuracy').textContent = rateText('test-accuracy', exact);
    node('likelier').textContent = rateText('test-likelier', likelier);
    const table = node('confusion');
    const titles = [...concepts, text('test-neither')].map((title) => headOf(title, 'col'));
    within(table, 'thead', HTMLElement).replaceChildren(rowOf(text('test-shown'), titles));
    const rows = confusion.map((counts, shown) => {
      const kindOf = (/** @type {number} */ named) => (named === shown ? 'right' : 'wrong');
      const cells = counts.map((count, named) =>
        make('td', count.toLocaleString(document.documentElement.lang), count ? kindOf(named) : ''),
      );
      return rowOf(concepts[shown], cells);
    });
    within(table, 'tbody', HTMLElement).replaceChildren(...rows);
    if (running) return; // the pictures come at the end: they would flicker
    const hard = hardest.map(({ place, path, right: { count, of }, probability }) => {
      const item = copyOf('hard-template');
      const image = within(item, 'img', HTMLImageElement);
      image.src = URL.createObjectURL(files[place].file);
      image.addEventListener('load', () => URL.revokeObjectURL(image.src));
      const values = { path, count, of, probability: percent(probability) };
      within(item, 'p', HTMLElement).textContent = text('test-hard', values);
      return item;
    });
    node('hard').replaceChildren(...(hard.length ? hard : [make('li', text('test-hard-none'))]));
  }

  /** @param {Chosen[]} chosen */
  async function choose(chosen) {
    if (running) return;
    [files, listing, skipped, report, phase] = [chosen, null, [], null, 'ready'];
    try {
      const outlines = chosen.map(({ file, path }) => ({ path, bytes: file.size }));
      listing = await engine.listFolder(outlines);
      skipped = listing?.skipped ?? [];
    } finally {
      render();
    }
  }

  /** Waits while the run is paused, and ends it once it is cancelled. @param {'loading' | 'reading' | 'asking'} next what comes */
  async function turn(next) {
    phase = next;
    render();
    while (paused && !cancelled) await new Promise((go) => (wake = () => go(null)));
    if (cancelled) throw failure('cancelled');
  }

  /** @param {FolderListing} listed */
  async function run({ concepts, skipped: before }) {
    [skipped, report, running, cancelled, done] = [[...before], null, true, false, 0];
    const [shots, episodes] = ['shots', 'episodes'].map((name) =>
      Number(byId(`test-${name}`, HTMLSelectElement).value),
    );
    try {
      await turn('loading');
      await model.load();
      await turn('loading');
      const names = concepts.map(({ name }) => name);
      test = await engine.testFolder({ names, shots, episodes });
      const pictures = concepts.flatMap((of, concept) =>
        of.pictures.map((place) => ({ concept, place, ...files[place] })),
      );
      all = pictures.length;
      for (const picture of pictures) {
        await turn('reading');
        await test.addPicture(picture).catch((thrown) => {
          if (!asFailure(thrown).code.startsWith('picture-')) throw thrown;
          skipped.push({ ...asFailure(thrown), subject: picture.path });
        });
        done += 1;
      }
      skipped.push(...(await test.begin()));
      [done, all] = [0, episodes];
      while (done < all) {
        await turn('asking');
        report = await test.episode();
        done += 1;
      }
      phase = 'over';
    } catch (thrown) {
      phase = 'cancelled';
      tell(thrown);
    }
    [running, paused] = [false, false];
    // A worker that broke took the answers with it.
    const lines = report && (await test?.csv().catch(() => null));
    csv.hidden = !lines;
    csv.href = URL.createObjectURL(new Blob([lines ?? ''], { type: 'text/csv' }));
    render();
    node('spoken').textContent =
      `${node('state').textContent} ${report ? node('accuracy').textContent : ''}`;
  }

  function end() {
    cancelled = true;
    if (running && phase === 'loading') model.cancel();
    wake();
    render();
  }

  acceptFiles(node('zone'), byId('test-folder', HTMLInputElement), (chosen, entries) => {
    const named = chosen.map((file) => ({ file, path: file.webkitRelativePath }));
    const below = Promise.all(entries.map(filesBelow)).then((found) => found.flat());
    void (entries.length ? below : Promise.resolve(named)).then(choose).catch(tell);
  });
  start.addEventListener('click', () => void (listing && run(listing)));
  pause.addEventListener('click', () => {
    paused = !paused;
    wake();
    render();
    node('spoken').textContent = node('state').textContent;
  });
  cancel.addEventListener('click', end);
  engine.addEventListener('lost', end);
  render();
  return { render };
}
