// Writes what run.js found as docs/performance.md.
import { cpus } from 'node:os';

const round = (value, digits = 0) =>
  Number.isFinite(value)
    ? value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : '–';
const megabytes = (bytes) => `${round(bytes / 1e6, 1)} MB`;

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const label = ({ contestant, device, dtype }) =>
  ({
    'link-context': `**link-context**, ${device === 'cpu' ? 'CPU' : 'WebGPU'}`,
    wllama: 'wllama, CPU',
    transformers: `transformers.js, ${dtype}, ${device === 'wasm' ? 'CPU' : 'WebGPU'}`,
    onnxruntime: `ONNX Runtime Web, ${device === 'wasm' ? 'CPU' : 'WebGPU'}`,
  })[contestant];

const perSecond = ({ tokens, milliseconds }) => (tokens * 1e3) / milliseconds;
const perToken = ({ tokens, milliseconds }) => milliseconds / tokens;

function text(runs) {
  const rows = runs.map((run) =>
    run.failed
      ? [label(run), run.failed, '', '', '']
      : [
          label(run),
          `${round(run.load / 1e3, 1)} s`,
          `${run.prefill.tokens} in ${round(run.prefill.milliseconds)} ms (${round(perSecond(run.prefill), 1)}/s)`,
          `${round(perToken(run.decode), 1)} ms (${round(perSecond(run.decode), 2)}/s)`,
          megabytes(run.bytes),
        ],
  );
  return table(['', 'loading', 'tokens read', 'a token decoded', 'fetched'], rows);
}

function counts(runs) {
  const counted = runs.filter((run) => run.per_token && run.device === 'webgpu');
  const rows = counted.map((run) => [
    label(run),
    ...['dispatches', 'submits', 'reads', 'bytes'].map((what) => round(run.per_token[what])),
    round(run.pipelines),
    megabytes(run.gpu_bytes),
  ]);
  const head = [
    'a token',
    'dispatches',
    'submits',
    'read-backs',
    'bytes read',
    'pipelines',
    'GPU buffers made',
  ];
  return table(head, rows);
}

const pictures = (runs) =>
  table(
    ['', 'a picture encoded'],
    runs.map((run) => [label(run), run.failed ?? `${round(run.per_picture)} ms`]),
  );

function growth({ first, next, rows }) {
  const lines = rows.map(({ ways, shots, tokens, link, answer }) => [
    ways,
    shots,
    tokens,
    `${round(link)} ms`,
    `${round(answer)} ms`,
  ]);
  return [
    `Two concepts of eight pictures each: ${round(first)} ms from nothing to the first answer (pictures encoded, prefilled, query answered), ${round(next)} ms for the next query on them: ${round((100 * next) / first, 1)} %.`,
    '',
    'Link is the prefill of the support set, its pictures encoded before; answer is that of an encoded query, with the likelihoods of all names.',
    '',
    table(['concepts', 'pictures each', 'tokens', 'link', 'answer'], lines),
  ].join('\n');
}

/** Ratios that the project holds itself to. */
function ratios(runs) {
  const find = (contestant, device, task, dtype) =>
    runs.find(
      (run) =>
        !run.failed &&
        run.contestant === contestant &&
        run.device === device &&
        run.task === task &&
        (!dtype || run.dtype === dtype),
    );
  const others = (device) =>
    runs.filter((run) => run.contestant === 'transformers' && run.device === device && !run.failed);
  const best = (list, speed) => list.toSorted((a, b) => speed(b) - speed(a))[0];
  const lines = [];
  const add = (what, ours, theirs, of) => {
    if (ours && theirs) lines.push([what, label(theirs), `${round(of(ours, theirs), 2)}x`]);
  };
  const read = (run) => perSecond(run.prefill);
  const said = (run) => perSecond(run.decode);
  const cpu = find('link-context', 'cpu', 'text');
  const gpu = find('link-context', 'webgpu', 'text');
  const wllama = find('wllama', 'cpu', 'text');
  add('tokens decoded a second, CPU', cpu, wllama, (a, b) => said(a) / said(b));
  add('tokens decoded a second, CPU', cpu, best(others('wasm'), said), (a, b) => said(a) / said(b));
  add('tokens read a second, CPU', cpu, wllama, (a, b) => read(a) / read(b));
  add('tokens read a second, CPU', cpu, best(others('wasm'), read), (a, b) => read(a) / read(b));
  add(
    'time of a token decoded, WebGPU',
    gpu,
    best(others('webgpu'), said),
    (a, b) => said(b) / said(a),
  );
  add(
    'time of a token read, WebGPU',
    gpu,
    best(others('webgpu'), read),
    (a, b) => read(b) / read(a),
  );
  for (const [ours, theirs] of [
    ['cpu', 'wasm'],
    ['webgpu', 'webgpu'],
  ]) {
    add(
      `time of a picture encoded, ${ours === 'cpu' ? 'CPU' : 'WebGPU'}`,
      find('link-context', ours, 'pictures'),
      find('onnxruntime', theirs, 'pictures'),
      (a, b) => a.per_picture / b.per_picture,
    );
  }
  return table(['', 'beside', 'ours to theirs'], lines);
}

const agreement = (runs) =>
  table(
    ['', 'positions', 'read one by one', 'the same top token'],
    runs.map((run) =>
      run.failed
        ? [label(run), run.failed, '', '']
        : [
            label(run),
            round(run.positions),
            round(run.alone),
            `${round(run.same)} (${round((run.same / run.positions) * 100, 2)} %)`,
          ],
    ),
  );

/** The whole page of the documentation. */
export function report({ browser, runs }) {
  const of = (task) => runs.filter((run) => run.task === task);
  const [{ model }] = cpus();
  const ours = of('text').filter(
    ({ contestant, failed }) => contestant === 'link-context' && !failed,
  );
  const heaps = ours.map(
    ({ device, heap }) => `${megabytes(heap)} (${device === 'cpu' ? 'CPU' : 'WebGPU'})`,
  );
  return `# Performance

Measured by \`cargo xtask bench browser\` on ${new Date().toISOString().slice(0, 10)}: ${browser}, headless, one page at a time, one thread each; ${model}, ${cpus().length} cores; WebGPU by SwiftShader, which computes on the CPU, as there is no GPU here. Compare the ratios of one run, not the times of two.

## The model reads and decodes

SmolLM2-135M-Instruct. Ours with the adapter, reading an episode of twelve pictures and decoding a long name; the others on the same published weights without it, reading plain text (\`tests/bench/prompt.txt\`) and decoding from there. wllama reads the same GGUF; transformers.js an export of it (\`tests/bench/export.py\`), as dynamic int8, as 4-bit blocks and in single precision.

${text(of('text'))}

${counts(of('text'))}

Wasm heap after it, at its largest: ${heaps.join(', ')}.

## A picture is encoded

EfficientNet-Lite0, 224 x 224; ONNX Runtime Web on an export in single precision.

${pictures(of('pictures'))}

## Ratios

${ratios(runs)}

## As the support set grows, CPU

${of('growth')
  .filter(({ failed }) => !failed)
  .map(growth)
  .join('\n\n')}

## Agreement with PyTorch

The likeliest next token at every position of a plain text, the published weights without the adapter, beside PyTorch in double precision (\`tests/fixtures/parity/README.md\`).

${agreement(of('agreement'))}
`;
}
