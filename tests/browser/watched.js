// A page that is watched: an error on its console, a script that fails, or a request to another origin fails the test.
import { test as base, expect } from '@playwright/test';

export { expect };

export const test = base.extend({
  page: async ({ page, baseURL }, use) => {
    const wrong = [];
    const home = new URL(baseURL).origin;
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => wrong.push(`script: ${error.message}`));
    // The context's requests, since the worker's are among them.
    page.context().on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== home) wrong.push(`request: ${request.url()}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});
