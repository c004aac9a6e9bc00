import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OnnxEngine } from '../../../server/engine/onnx-engine';
import { noiseData, runTraining, smallRun } from '../../pipeline/rig';
import { copyPagesWithLedger } from './buffer-ledger';
import { growthOf, slowdownOf, type MemorySample } from './verdict';
import { WatchedPage } from './watched-page';

/*
 * `npm run bench:soak`: 2,000 training steps of one stage in a browser's page, through everything
 * that a real run goes through, and what they do to memory and step time. docs/benchmark-soak.md.
 */

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    software: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
if (!Number.isInteger(steps) || steps < 80) {
  throw new Error(`--steps: expected a whole number from 80, got '${values.steps}'`);
}

const numSamples = 40;
const interval = Math.floor(steps / numSamples);

/** ResNet-20 on 16x16 pictures, batch 8 as 2 x 4; layer3 and the head in the page. */
const config = { ...smallRun, microBatchSize: 4, steps, cut: ['layer3.0'] };

// The server in this bundle serves the pages that lie beside its folder.
const built = import.meta.dirname;
await copyPagesWithLedger(join(built, '../../client'), join(built, '../client'));

const samples: MemorySample[] = [];
let sampling = Promise.resolve();
let page: WatchedPage | undefined;

const report = await runTraining({
  config,
  // An epoch has an evaluation at its end, as in any run.
  data: noiseData(config, Math.floor(steps / 4)),
  hostEngine: new OnnxEngine({ numThreads: 1 }),
  async onServer(url) {
    page = await WatchedPage.open(url, values.software);
    say(`Chromium ${page.browser}`);
  },
  onStep({ step, loss, ms }) {
    // In the middle of an interval: at the end of the run the page frees its stage.
    if (step % interval !== Math.floor(interval / 2) || samples.length >= numSamples) return;
    sampling = sampling.then(async () => {
      const sample = await page?.sample(step);
      if (!sample) return;
      samples.push(sample);
      say(`step ${step}/${steps}  loss ${loss.toFixed(3)}  ${ms.toFixed(0)} ms  ${line(sample)}`);
    });
  },
});
await sampling;
const state = (await page?.state()) ?? 'never opened';
const errors = page?.errors ?? [];
await page?.close();

const growth = growthOf(samples);
const slowdown = slowdownOf(report.steps.map(({ ms }) => ms));
const stage = report.stages.at(-1);
const problems = [
  ...(report.error ? [`the run ended early: ${report.error.message}`] : []),
  ...(report.steps.length === steps ? [] : [`${report.steps.length} of ${steps} steps were done`]),
  ...(stage?.engine === 'webgpu' ? [] : ['the page held no stage']),
  // Its server is gone by now, which the page may have noticed; anything else is a failure.
  ...(/^(training|finished|failed host-)/.test(state) ? [] : [`the page ended as '${state}'`]),
  ...errors,
  ...growth
    .filter(({ isFlat }) => !isFlat)
    .map(({ quantity, before, after }) => `${quantity} grew from ${before} to ${after}`),
];

say(`${stage?.device ?? 'no device'}: ${report.steps.length} steps; second and last quarter:`);
for (const { quantity, before, after, allowed, isFlat } of growth) {
  const verdict = isFlat ? 'flat' : 'GROWS';
  say(`  ${quantity}: ${before} to ${after}, allowed ${Math.round(allowed)} more: ${verdict}`);
}
say(`  the engine’s own account: ${stage?.memoryBytes ?? 0} bytes`);
say(`  step time: ${slowdown.toFixed(3)} times the second quarter's`);
for (const problem of problems) say(problem);
if (values.json) {
  const memoryBytes = stage?.memoryBytes ?? null;
  const result = { device: stage?.device, steps, memoryBytes, growth, slowdown, problems };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit(problems.length === 0 ? 0 : 1);

function line({ gpuBytes, pageHeapBytes, workerHeapBytes, residentBytes = NaN }: MemorySample) {
  const megabytes = [gpuBytes, pageHeapBytes, workerHeapBytes, residentBytes].map((bytes) =>
    (bytes / 1e6).toFixed(2),
  );
  const [gpu = '', heap = '', worker = '', resident = ''] = megabytes;
  return `GPU ${gpu} MB  page ${heap} MB  worker ${worker} MB  processes ${resident} MB`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
