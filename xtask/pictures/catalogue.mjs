/** Which drawings there are of each emoji: the sets' own names and code points brought together. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { OLD_NAMES } from './old-names.mjs';
import { STYLES, folderOf, json } from './works.mjs';

/** @typedef {{ work: string, id: string }} Drawing where a drawing is: a set's icon, or a file */
/** @typedef {{ slug: string, name: string, category: string, drawings: Record<string, Drawing[]> }} Emoji drawings by style */

/** The set whose names and categories are used here: it knows all emoji. */
const NAMING = 'noto';

/** A country's flag, called as the bird is. */
const MISNAMED = 'streamline/turkey';

const letters = (name) => name.replace(/[^a-z0-9]/g, '');
const bare = (point) => point.replace(/-fe0f/g, '');

/** @returns {Map<string, Emoji>} by slug */
export function catalogue() {
  const { byPoint, byName, emoji } = naming();
  const add = (slug, style, drawing) => {
    const drawings = emoji.get(slug)?.drawings;
    if (drawings) (drawings[style] ??= []).push(drawing);
  };
  const threeD = join(folderOf('fluent-3d'), 'assets');
  for (const file of readdirSync(threeD).sort()) {
    const slug = byPoint.get(bare(file.replace('.webp', '')));
    if (slug) add(slug, 'fluent', { work: 'fluent-3d', id: join('assets', file) });
  }
  for (const [style, works] of Object.entries(STYLES)) {
    for (const work of works) {
      const set = json(work, 'icons.json');
      if (!set) continue;
      const points = new Map(
        Object.entries(json(work, 'chars.json') ?? {}).map(([point, icon]) => [icon, point]),
      );
      for (const icon of Object.keys(set.icons).sort()) {
        if (`${work}/${icon}` === MISNAMED) continue;
        const slug =
          byPoint.get(bare(points.get(icon) ?? '')) ??
          (work === 'fxemoji' ? OLD_NAMES[icon] : undefined) ??
          byName.get(letters(icon)) ??
          // Streamline numbers its variants.
          byName.get(letters(icon.replace(/-\d$/, '')));
        if (slug) add(slug, style, { work, id: icon });
      }
    }
  }
  return emoji;
}

/** The emoji by name, and every name and code point that leads to them. */
function naming() {
  const set = json(NAMING, 'icons.json');
  const points = Object.entries(json(NAMING, 'chars.json'));
  const slugs = new Set(points.map(([, slug]) => slug));
  const byPoint = new Map(points.map(([point, slug]) => [bare(point), slug]));
  const byName = new Map();
  for (const work of ['twemoji', 'fluent-flat']) {
    for (const [point, icon] of Object.entries(json(work, 'chars.json'))) {
      if (byPoint.has(bare(point))) byName.set(letters(icon), byPoint.get(bare(point)));
    }
  }
  for (const [alias, { parent }] of Object.entries(set.aliases ?? {})) {
    if (slugs.has(parent)) byName.set(letters(alias), parent);
  }
  for (const slug of slugs) byName.set(letters(slug), slug);
  const emoji = new Map();
  for (const [category, icons] of Object.entries(json(NAMING, 'metadata.json').categories)) {
    for (const slug of icons) {
      if (slugs.has(slug)) {
        emoji.set(slug, { slug, name: slug.replaceAll('-', ' '), category, drawings: {} });
      }
    }
  }
  return { byPoint, byName, emoji };
}
