// How soon the page shows something to play with, how much came for it and how far it moved: each visit in a browser profile of its own,
// after one that is not counted and warms the server. Prints a table, or JSON, and fails above a bound. See `cargo xtask bench page`.
//
//   node first-content.js ADDRESS [--json]
import { chromium } from '@playwright/test';
import { FLAGS, firstContent } from './measured.js';

const VISITS = 5;
const BOUNDS = { milliseconds: 1000, bytes: 150_000, shift: 0.05 };

const [address, ...rest] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
const visits = [];
for (let visit = 0; visit <= VISITS; visit += 1) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address);
  visits.push(await firstContent(page));
  await context.close();
}
await browser.close();
visits.shift();

const median = (key) => visits.map((visit) => visit[key]).sort((a, b) => a - b)[VISITS >> 1];
const medians = Object.fromEntries(Object.keys(BOUNDS).map((key) => [key, median(key)]));
const over = Object.entries(BOUNDS).filter(([key, bound]) => medians[key] > bound);
if (rest.includes('--json')) {
  console.log(JSON.stringify({ visits, medians, bounds: BOUNDS }));
} else {
  const line = (name, { milliseconds, bytes, shift }) =>
    console.log(
      name.padEnd(8),
      `${milliseconds.toFixed(0)} ms`.padStart(8),
      `${(bytes / 1000).toFixed(1)} kB`.padStart(10),
      `shift ${shift.toFixed(3)}`.padStart(12),
    );
  visits.forEach((visit, index) => line(`visit ${index + 1}`, visit));
  line('median', medians);
  line('bound', BOUNDS);
}
for (const [key, bound] of over)
  console.error(`${key}: ${medians[key]} is over the bound of ${bound}`);
process.exit(over.length ? 1 : 0);
