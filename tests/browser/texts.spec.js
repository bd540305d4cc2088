// The words of the page: every language has all of them, and the page asks for none that is missing.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';

const www = new URL('../../www/', import.meta.url);
const read = (path) => readFileSync(new URL(path, www), 'utf8');
const texts = (locale) => JSON.parse(read(`texts/${locale}.json`));
const holes = (pattern) => [...pattern.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();

const english = texts('en');
const locales = readdirSync(new URL('texts/', www)).map((file) => file.replace('.json', ''));

for (const locale of locales) {
  test(`${locale} is complete`, () => {
    const translated = texts(locale);
    expect(Object.keys(translated).sort()).toEqual(Object.keys(english).sort());
    for (const [key, pattern] of Object.entries(translated)) {
      expect(holes(pattern), key).toEqual(holes(english[key]));
      expect(pattern.trim(), key).not.toBe('');
    }
  });
}

test('every language with a file can be chosen, by its own name', async ({ page }) => {
  await page.goto('./');
  const options = page.getByTestId('language').locator('option');
  const found = await options.evaluateAll((all) =>
    all.map(({ value, lang, label }) => [value, lang, label]),
  );
  const expected = locales.map((locale) => [locale, locale, texts(locale)['language-name']]);
  expect(found.sort()).toEqual(expected.sort());
});

test('every text that the page asks for is there', () => {
  const scripts = readdirSync(www).filter((file) => /\.(js|html)$/.test(file));
  const asked = scripts.flatMap((file) =>
    [...read(file).matchAll(/(?:\btext\(|data-(?:text|label)=)['"]([\w-]+)['"]/g)].map(
      ([, key]) => key,
    ),
  );
  expect(asked.length).toBeGreaterThan(80);
  expect(asked.filter((key) => !(key in english))).toEqual([]);
});

test('every ready episode has a title in every language', () => {
  for (const { id } of JSON.parse(read('gallery/gallery.json'))) {
    for (const locale of locales) expect(texts(locale)[`gallery-${id}`], id).toBeTruthy();
  }
});
