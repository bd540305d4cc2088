/** The published works that the pictures are drawn from, and what their licences ask to be said. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const load = createRequire(import.meta.url);
const MODULES = join(HERE, 'node_modules');

/**
 * Works whose licence lets a public page ship what is made of them.
 * @type {Record<string, { title: string, author: string, licence: string, package: string }>}
 */
export const WORKS = {
  'fluent-3d': {
    title: 'Fluent Emoji 3D',
    author: 'Microsoft',
    licence: 'MIT',
    package: 'npm @lobehub/fluent-emoji-3d',
  },
  'fluent-flat': {
    title: 'Fluent Emoji Flat',
    author: 'Microsoft',
    licence: 'MIT',
    package: 'npm @iconify-json/fluent-emoji-flat',
  },
  noto: {
    title: 'Noto Emoji',
    author: 'Google',
    licence: 'Apache-2.0',
    package: 'npm @iconify-json/noto',
  },
  'noto-v1': {
    title: 'Noto Emoji (first design)',
    author: 'Google',
    licence: 'Apache-2.0',
    package: 'npm @iconify-json/noto-v1',
  },
  fxemoji: {
    title: 'Firefox OS Emoji',
    author: 'Mozilla',
    licence: 'Apache-2.0',
    package: 'npm @iconify-json/fxemoji',
  },
  twemoji: {
    title: 'Twemoji',
    author: 'Twitter and contributors',
    licence: 'CC-BY-4.0',
    package: 'npm @iconify-json/twemoji',
  },
  emojione: {
    title: 'Emoji One 2',
    author: 'Emoji One and contributors',
    licence: 'CC-BY-4.0',
    package: 'npm @iconify-json/emojione',
  },
  streamline: {
    title: 'Streamline Emojis',
    author: 'Streamline',
    licence: 'CC-BY-4.0',
    package: 'npm @iconify-json/streamline-emojis',
  },
};

/** Drawing styles. The two works of Fluent are one design, so they are one style. */
export const STYLES = {
  fluent: ['fluent-3d', 'fluent-flat'],
  noto: ['noto'],
  'noto-v1': ['noto-v1'],
  fxemoji: ['fxemoji'],
  twemoji: ['twemoji'],
  emojione: ['emojione'],
  streamline: ['streamline'],
};

/** Where a licence's text can be read. */
export const LICENCES = {
  MIT: 'LICENCE.md#mit-license-fluent-emoji',
  'Apache-2.0': 'https://www.apache.org/licenses/LICENSE-2.0',
  'CC-BY-4.0': 'https://creativecommons.org/licenses/by/4.0/',
};

const packageOf = (work) => WORKS[work].package.split(' ')[1];

/** @returns {string} the folder that npm put a work into */
export const folderOf = (work) => join(MODULES, packageOf(work));

/** @returns {any} a JSON file of a work's package, or undefined where it has none */
export function json(work, file) {
  try {
    return load(`${packageOf(work)}/${file}`);
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** @returns {{ title: string, author: string, licence: string, package: string, version: string }} */
export function credit(work) {
  const { version } = JSON.parse(readFileSync(join(folderOf(work), 'package.json'), 'utf8'));
  return { ...WORKS[work], version };
}
