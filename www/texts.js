/** Every word that the page shows, from texts/<locale>.json, and the numbers in it, by Intl. */

/** The choice is kept under this name in the browser's storage. */
const STORED = 'link-context-language';

/** @type {Record<string, string>} */
let texts = {};

/** @type {Record<'number' | 'percent' | 'megabyte', Intl.NumberFormat>} */
let formats;

/** Fetches the texts; nothing can be shown before. @param {string} locale */
export async function loadTexts(locale) {
  const response = await fetch(new URL(`texts/${locale}.json`, document.baseURI));
  if (!response.ok) throw new Error(`texts/${locale}.json: ${response.status}`);
  texts = await response.json();
  const format = (/** @type {Intl.NumberFormatOptions} */ how) =>
    new Intl.NumberFormat(locale, how);
  formats = {
    number: format({ maximumFractionDigits: 1 }),
    percent: format({ style: 'percent' }),
    megabyte: format({ style: 'unit', unit: 'megabyte', maximumFractionDigits: 0 }),
  };
  document.documentElement.lang = locale;
  document.documentElement.dir = text('direction');
  document.title = text('title');
  fillTexts(document);
}

/** The one chosen before, else the first of the browser's that there is. @param {string[]} locales that there are */
export function preferredLocale(locales) {
  const wanted = [stored(), ...navigator.languages.map((tag) => tag.split('-')[0])];
  return wanted.find((locale) => locale && locales.includes(locale)) ?? locales[0];
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // forbidden: the browser's own languages are left
  }
}

/** @param {string} locale */
export function keepLocale(locale) {
  try {
    localStorage.setItem(STORED, locale);
  } catch {
    // Forbidden: it is chosen again next time.
  }
}

/** The text of a key, with `{placeholders}` filled in. @param {string} key @param {Record<string, unknown>} [values] */
export function text(key, values = {}) {
  const pattern = texts[key] ?? key;
  return pattern.replace(/\{(\w+)\}/g, (hole, name) => {
    const value = values[name];
    if (value === undefined || value === null) return hole;
    return typeof value === 'number' ? formats.number.format(value) : String(value);
  });
}

/** @param {string} key */
export const hasText = (key) => key in texts;

/** The one sentence of an error. @param {Failure} failure */
export function sentence({ code, subject, detail }) {
  const key = hasText(`error-${code}`) ? `error-${code}` : 'error-internal';
  return text(key, { subject: subject || detail.message || code, ...detail });
}

/** A share of one: 0.42 is "42%". @param {number} share */
export const percent = (share) =>
  share > 0 && share < 0.005 ? `<${formats.percent.format(0.01)}` : formats.percent.format(share);

/** @param {number} bytes */
export const size = (bytes) => formats.megabyte.format(bytes / 1e6);

/** @param {number} time in milliseconds */
export const duration = (time) =>
  time < 1000
    ? text('milliseconds', { number: Math.round(time) })
    : text('seconds', { number: time / 1000 });

/** Fills `data-text` (content) and `data-label` (accessible name) below a node. @param {ParentNode} root */
export function fillTexts(root) {
  for (const node of root.querySelectorAll('[data-text]')) {
    node.textContent = text(/** @type {HTMLElement} */ (node).dataset.text ?? '');
  }
  for (const node of root.querySelectorAll('[data-label]')) {
    node.setAttribute('aria-label', text(/** @type {HTMLElement} */ (node).dataset.label ?? ''));
  }
}
