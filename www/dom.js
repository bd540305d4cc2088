/** The few things that every panel does with the document. */
import { fillTexts } from './texts.js';

/** The element of an id that index.html is known to have. @template {HTMLElement} T @param {string} id
 * @param {new (...args: any[]) => T} kind @returns {T} */
export function byId(id, kind) {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return node;
}

/** The element below `root` that its template is known to have. @template {Element} T @param {ParentNode} root @param {string} selector
 * @param {new (...args: any[]) => T} kind @returns {T} */
export function within(root, selector, kind) {
  const node = root.querySelector(selector);
  if (!(node instanceof kind)) throw new Error(`a template has no ${selector}`);
  return node;
}

/** A copy of the one element in a template, with its texts. @param {string} id @returns {HTMLElement} */
export function copyOf(id) {
  const template = byId(id, HTMLTemplateElement);
  const node = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  fillTexts(node);
  return node;
}

/** @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {string} content @param {string} [className] */
export function make(tag, content, className = '') {
  const node = document.createElement(tag);
  node.textContent = content;
  node.className = className;
  return node;
}

/** Draws a picture's square. @param {HTMLCanvasElement} canvas @param {Picture} picture */
export function draw(canvas, picture) {
  canvas.getContext('2d')?.putImageData(picture.square, 0, 0);
}

/** Sets how far a bar is filled. The content security policy forbids style attributes, not the object model. @param {ParentNode} root
 * @param {number} share 0 to 1 */
export function fill(root, share) {
  within(root, '.fill', HTMLElement).style.setProperty('--share', share.toFixed(4));
}

/** Lets files be dropped on a zone and chosen in its input. @param {HTMLElement} zone @param {HTMLInputElement} input
 * @param {(files: File[], entries: any[]) => void} take with what was dropped as entries of a file system, as folders come */
export function acceptFiles(zone, input, take) {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = ''; // so that the same file can be chosen again
    if (files.length > 0) take(files, []);
  });
  let depth = 0; // dragenter and dragleave come for every child
  const light = (/** @type {number} */ step) => {
    depth = step === 0 ? 0 : depth + step;
    zone.classList.toggle('drag', depth > 0);
  };
  zone.addEventListener('dragenter', () => light(1));
  zone.addEventListener('dragleave', () => light(-1));
  zone.addEventListener('drop', (event) => {
    light(0);
    if (event.defaultPrevented) return; // a zone in this one has taken it
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
    take([...(event.dataTransfer?.files ?? [])], entries.filter(Boolean));
  });
}
