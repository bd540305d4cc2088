// The tests start their own server on a free port and use the system's browsers.
import { defineConfig } from '@playwright/test';
import { FLAGS } from './measured.js';

export default defineConfig({
  testMatch: '*.spec.js',
  // One page with a model in it fills a small machine. Two files of tests side by side take a quarter less time, but wait for each other.
  workers: 1,
  // A slow machine is no failure of the page: two answers of the tiny model by SwiftShader have taken more than a minute.
  timeout: 10 * 60_000,
  expect: { timeout: 4 * 60_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list'], ['./closing-line.js']],
  use: {
    baseURL: process.env.LINK_CONTEXT_SERVER,
    screenshot: 'only-on-failure',
  },
  projects: [
    {
      name: 'chromium',
      use: {
        browserName: 'chromium',
        launchOptions: {
          executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
          // What a tab holds is counted after what it has let go of is gone.
          args: [...FLAGS, '--js-flags=--expose-gc'],
        },
      },
    },
    {
      // What needs neither WebGPU nor the whole pack, in a Firefox as it is shipped. Playwright speaks WebDriver BiDi to it.
      name: 'firefox',
      testMatch: /\/(answer|board|moving|recorded|rtl)\.spec\.js$/,
      use: {
        browserName: 'firefox',
        channel: 'moz-firefox',
        launchOptions: { executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr' },
      },
    },
  ],
  webServer: {
    command: 'cargo xtask serve --port 0 --no-build',
    cwd: '../..',
    // The address goes into the environment, from where baseURL takes it.
    wait: { stdout: /Serving link-context at (?<link_context_server>http:\S+)/ },
    timeout: 10 * 60_000,
  },
});
