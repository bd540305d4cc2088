// The native tests' fixtures, for the page.
import { readFileSync } from 'node:fs';

export const fixtures = new URL('../fixtures/', import.meta.url);

/** Serves them below `/fixtures/`. @param {import('@playwright/test').Page} page */
export const serveFixtures = (page) =>
  page.route('**/fixtures/**', (route) => {
    const path = new URL(route.request().url()).pathname.replace('/fixtures/', '');
    return route.fulfill({ body: readFileSync(new URL(path, fixtures)) });
  });
