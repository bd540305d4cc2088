// The site below a path, on three servers of static files, none of which is told any header.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { gallery } from './gallery.js';
import { dist } from './site.js';

const robots = gallery.find(({ id }) => id === 'robots');
const vite = fileURLToPath(new URL('node_modules/vite/bin/vite.js', import.meta.url));

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What starts each server on the folder, whose subfolder a/b/ is the site. */
const servers = {
  python3: (folder, port) => ['-m', 'http.server', port, '--bind', '127.0.0.1', '-d', folder],
  nginx: (folder, port) => {
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
    const configuration = join(folder, 'nginx.conf');
    // The folder belongs to whoever runs the test.
    writeFileSync(
      configuration,
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
      ${process.getuid() === 0 ? 'user root;' : ''}
      events {}
      http { include /etc/nginx/mime.types; access_log off; ${temporary}
      server { listen 127.0.0.1:${port}; root ${folder}; } }`,
    );
    return ['-c', configuration, '-e', `${folder}/error.log`];
  },
  node: (folder, port) => {
    const site = ['--outDir', dist, '--base', '/a/b/', '--port', port, '--strictPort'];
    return [vite, 'preview', ...site, '--host', '127.0.0.1'];
  },
};

for (const [program, commandOf] of Object.entries(servers)) {
  test.describe(program, () => {
    let folder;
    let server;
    test.afterEach(() => {
      server?.kill();
      rmSync(folder, { recursive: true });
    });

    test(`the site below a path answers a ready episode (${program})`, async ({ browser }) => {
      folder = mkdtempSync(join(tmpdir(), 'link-context-host-'));
      mkdirSync(join(folder, 'a'));
      symlinkSync(dist, join(folder, 'a/b'));
      const port = await freePort();
      const given = commandOf(folder, String(port));
      // `cargo xtask test` says where nginx is, which is not on everybody's path.
      const file = (program === 'nginx' && process.env.NGINX) || program;
      server = spawn(file, given, { stdio: 'ignore', cwd: folder });
      const address = `http://127.0.0.1:${port}/a/b/`;
      const answers = () =>
        fetch(address).then(
          ({ status }) => status,
          () => 0,
        );
      await expect.poll(answers).toBe(200);
      const context = await browser.newContext();
      const page = await context.newPage();
      const wrong = [];
      page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
      page.on('pageerror', (error) => wrong.push(error.message));
      context.on('request', (request) => {
        if (request.url().startsWith('http') && !request.url().startsWith(address))
          wrong.push(request.url());
      });
      await page.goto(address);
      await page.getByTestId('answer-name').filter({ hasText: /./ }).waitFor();
      await page.getByTestId('device-select').selectOption('cpu');
      await page.getByTestId('ask').click();
      await expect(page.getByTestId('answer-device')).toContainText('CPU');
      await expect(page.getByTestId('answer-name')).toHaveText(robots.queries[0].answer);
      await page.evaluate(() => navigator.serviceWorker.ready);
      // The pages to embed work there too.
      await page.goto(`${address}example.html`);
      const element = page.locator('link-context-episode');
      await expect(element.getByRole('status')).toContainText(robots.queries[0].answer);
      const framed = page.frameLocator('iframe').locator('link-context-episode');
      await expect(framed.getByRole('status')).toContainText(robots.queries[0].answer);
      expect(wrong).toEqual([]);
      await context.close();
    });
  });
}
