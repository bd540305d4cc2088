/**
 * Draws pictures to train and measure with.
 *
 *     npm ci
 *     node main.mjs emoji OUT [--seed N] [--lists]   the same emoji in many drawing styles
 *     node main.mjs concepts OUT [--seed N]          invented concepts and the real ones they resemble
 *     node main.mjs scenes OUT [--seed N]            things put together at random, to train on
 *     node main.mjs gallery OUT --wheel DIR          the page's ready episodes (see gallery.mjs)
 *     node main.mjs contact OUT [--first N]          a sheet of pictures for each group of concepts
 *
 * The same seed gives the same bytes. With --lists the emoji's pictures are left as they are.
 */
import { parseArgs } from 'node:util';

import * as concepts from './concepts.mjs';
import * as contact from './contact.mjs';
import * as emoji from './emoji.mjs';
import * as gallery from './gallery.mjs';
import * as scenes from './scenes.mjs';

const usage = `usage: cargo xtask pictures emoji OUT [--seed N] [--lists]
       cargo xtask pictures concepts OUT [--seed N]
       cargo xtask pictures scenes OUT [--seed N]
       cargo xtask pictures gallery OUT --wheel DIR
       cargo xtask pictures contact OUT [--first N]`;

/** What was asked for; leaves with a sentence when it cannot be read. */
function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seed: { type: 'string', default: '1' },
        lists: { type: 'boolean', default: false },
        first: { type: 'string', default: '1' },
        wheel: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    console.error(`error: ${error.message}\n${usage}`);
    process.exit(2);
  }
}

const { values, positionals } = read();
const commands = {
  emoji: (out) => emoji.write(out, values),
  concepts: (out) => concepts.write(out, values),
  scenes: (out) => scenes.write(out, values),
  gallery: (out) => gallery.write(out, values),
  contact: (out) => contact.write(out, Number(values.first)),
};
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const [command, out] = positionals;
if (!out || !Object.hasOwn(commands, command)) {
  console.error(usage);
  process.exit(2);
}
const start = performance.now();
const done = await commands[command](out).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
const counts = Object.entries(done).map(([what, count]) => `${count} ${what}`);
console.log(`${counts.join(', ')}, in ${Math.round((performance.now() - start) / 1000)} s`);
