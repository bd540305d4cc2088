// The tests start their own server on a free port and use the system's Chromium.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testMatch: '*.spec.js',
  // One page with a model in it fills a small machine.
  workers: 1,
  // A slow machine is no failure of the page.
  timeout: 10 * 60_000,
  expect: { timeout: 60_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list'], ['./closing-line.js']],
  use: {
    browserName: 'chromium',
    baseURL: process.env.LINK_CONTEXT_SERVER,
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless=new',
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-fake-device-for-media-stream',
        // The tests speak to this machine only.
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: {
    command: 'cargo xtask serve --port 0 --no-build',
    cwd: '../..',
    // The address goes into the environment, from where baseURL takes it.
    wait: { stdout: /Serving link-context at (?<link_context_server>http:\S+)/ },
    timeout: 10 * 60_000,
  },
});
