import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { totalBytes } from '../../runtime/webgpu/memory-use';
import { loadCheckpoint } from '../../server/checkpoint/load-checkpoint';
import { startHeadlessWorker } from '../../server/headless/headless-worker';
import type { Checkpoint } from '../../server/checkpoint/checkpoint';
import type { FailedTraining, TrainResult } from '../../server/cli/train-result';
import { differences } from '../pipeline/rig';
import { emptyFolder, lastJson, runTandem, startTandem, trainResultOf } from './run-tandem';

const small = [
  ...['train', '--data', 'shapes', '--model', 'resnet20', '--seed', '7', '--port', '0'],
  ...['--batch', '16', '--micro-batch', '4', '--json'],
];
const steps24 = [...small, '--steps', '24', '--optimizer', 'adamw'];

/** The computer alone, and nobody disturbs it; computed once for all tests that compare with it. */
let undisturbed: Promise<{ result: TrainResult; checkpoint: Checkpoint }> | undefined;
function undisturbedRun(): NonNullable<typeof undisturbed> {
  undisturbed ??= emptyFolder().then(async (folder) => {
    const result = trainResultOf(await runTandem(folder, ...steps24, '--cut', 'none'));
    return { result, checkpoint: await loadCheckpoint(join(folder, result.checkpoint)) };
  });
  return undisturbed;
}

test('ResNet-34 with its last block in a browser: the line of JSON', async () => {
  const folder = await emptyFolder();
  const ended = await runTandem(
    folder,
    ...['train', '--data', 'shapes', '--model', 'resnet34', '--image-size', '64'],
    ...['--batch', '4', '--micro-batch', '2', '--steps', '2', '--cut', 'layer4.2'],
    ...['--headless-worker', '--seed', '7', '--recompute', 'always', '--json'],
  );
  const result = trainResultOf(ended);
  expect(result).toMatchObject({
    cut: 'layer4.2',
    schedule: '1f1b',
    engine: ['cpu', 'webgpu'],
    steps: 2,
    seed: 7,
    stopped: false,
  });
  // The host counted beforehand, to the byte, what the browser then held.
  const { memory, memoryBytes, recompute } = result.stages[1] ?? {};
  expect(recompute).toEqual(['layer4.2', 'head']);
  expect(memory && totalBytes(memory)).toBe(memoryBytes);
  expect(ended.stderr).toMatch(
    /weights 19, .+; activations of layer4.2, head computed again in the backward\)/,
  );
  expect(result.losses).toHaveLength(2);
  expect(result.losses.every((loss) => loss > 0 && loss < 20)).toBe(true);
  expect(result.finalLoss).toBe(result.losses[1]);
  expect(result.msPerBatch).toHaveLength(2);
  // The stage's weights there (18.9 MB), and back with the momentum; activations and gradients.
  expect(result.bytesSent).toBeGreaterThan(18.9e6);
  expect(result.bytesReceived).toBeGreaterThan(37.8e6);
  const checkpoint = await loadCheckpoint(join(folder, result.checkpoint));
  expect(checkpoint.step).toBe(2);
  expect(checkpoint.numBatchesTracked).toBe(4);
  expect(checkpoint.state.get('layer4.2.conv2.weight')?.shape).toEqual([512, 512, 3, 3]);
  const metrics = await readFile(join(folder, result.run, 'metrics.jsonl'), 'utf8');
  expect(metrics.trim().split('\n')).toHaveLength(2);
}, 200_000);

/*
 * Two engines sum in two orders; a training step multiplies the difference. At this rate the losses
 * stay within 1e-4 for ten steps, and the curves can't be told apart after twenty.
 */
test('the first 20 steps are the same with the second stage in a browser', async () => {
  const folder = await emptyFolder();
  const run = async (...options: string[]): Promise<readonly number[]> => {
    const rate = ['--lr', '0.0005', '--lr-schedule', 'constant'];
    return trainResultOf(await runTandem(folder, ...small, '--steps', '20', ...rate, ...options))
      .losses;
  };
  const alone = await run('--cut', 'none');
  const browser = await run('--cut', 'layer3.0', '--headless-worker');
  expect(browser).toHaveLength(20);
  browser.forEach((loss, index) => {
    const expected = alone[index] ?? Number.NaN;
    const tolerance = index < 10 ? 1e-4 : 1e-3;
    expect(Math.abs(loss - expected) / expected, `step ${index + 1}`).toBeLessThan(tolerance);
  });
}, 400_000);

test('a worker that is killed in mid-run costs nothing but time', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, ...steps24, '--cut', 'layer3.0', '--run', 'hit');
  const [url] = await host.sees(/http:\/\/localhost:\d+\/#[\w-]{22}/);
  const worker = startTandem(folder, 'worker', url);
  await worker.sees(/step 3/);
  worker.process.kill('SIGKILL');
  const ended = await host.ended;
  const result = trainResultOf(ended);
  const { result: alone, checkpoint } = await undisturbedRun();
  expect(result).toMatchObject({ steps: 24, rollbacks: 1, cut: 'none', stopped: false });
  expect(alone).toMatchObject({ steps: 24, rollbacks: 0, stepsReplayed: 0 });
  expect(result.losses).toEqual(alone.losses);
  const after = await loadCheckpoint(join(folder, result.checkpoint));
  expect(differences(after.state, checkpoint.state)).toEqual([]);
  // It is told of once.
  expect(ended.stderr.match(/Worker 1 .*gone/g)).toHaveLength(1);
}, 200_000);

test('a browser that opens the page of a running training takes its part', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, ...small, '--steps', '1000');
  const [url] = await host.sees(/http:\/\/localhost:\d+\/#[\w-]{22}/);
  await host.sees(/step \d+\/1000/);
  const phone = await startHeadlessWorker({ url, software: true });
  onTestFinished(() => phone.close());
  await host.sees(/takes over from layer2\.1 on/);
  await host.sees(/stage 2: layer2\.1 to head on .+ \(webgpu/);
  const [, step] = await host.sees(/stage 2:[\s\S]*step (\d+)\/1000/);
  // The page goes away again: the computer goes on alone, and nothing is lost.
  await phone.kill();
  await host.sees(/is gone: .+ The computer goes on alone from its copy of step \d+/);
  await host.sees(/goes on alone[\s\S]*stage 1: stem to head[\s\S]*step \d+\/1000/);
  host.process.kill('SIGINT');
  const result = trainResultOf(await host.ended);
  expect(result.cut).toBe('none');
  expect(result.losses).toHaveLength(result.steps);
  expect(result.steps).toBeGreaterThan(Number(step));
  // A step's gradients at least: 32x16x16 a picture.
  expect(result.bytesReceived).toBeGreaterThan(16 * 4 * 32 * 16 * 16);
}, 200_000);

test('an interrupt ends the run after its step, with a checkpoint', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, ...small, '--steps', '500', '--cut', 'none');
  await host.sees(/step \d+\/500/);
  host.process.kill('SIGINT');
  const ended = await host.ended;
  const result = trainResultOf(ended);
  expect(result.stopped).toBe(true);
  expect(result.steps).toBe(result.losses.length);
  expect((await loadCheckpoint(join(folder, result.checkpoint))).step).toBe(result.steps);
}, 120_000);

test('a second interrupt ends it at once, in the middle of a computation', async () => {
  const folder = await emptyFolder();
  const deep = [...small, '--model', 'resnet34', '--image-size', '32'];
  const host = startTandem(folder, ...deep, '--steps', '500', '--cut', 'none');
  await host.sees(/step \d+\/500/);
  host.process.kill('SIGINT');
  await host.sees(/once more to stop at once/);
  host.process.kill('SIGINT');
  expect(await host.ended).toMatchObject({ code: 130, stdout: '' });
}, 120_000);

test('a run that fails says what it had done', async () => {
  const folder = await emptyFolder();
  const ended = await runTandem(folder, ...small, '--steps', '9', '--lr', '1e30', '--cut', 'none');
  expect(ended.code).toBe(1);
  const { error, ...result } = lastJson(ended) as FailedTraining;
  expect(error).toMatch(/^Step \d: the loss is (NaN|Infinity); .+ was the last whole one/);
  expect(result.losses).toHaveLength(result.steps);
  expect(result.losses[0]).toBeGreaterThan(1);
  expect(existsSync(join(folder, String(result.run), 'run.json'))).toBe(true);
  expect((await loadCheckpoint(join(folder, String(result.checkpoint)))).step).toBe(result.steps);
}, 60_000);

test('a run that was ended is gone on with, and ends where it would have', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, ...steps24, '--cut', 'none', '--run', 'halved');
  const metrics = join(folder, 'halved', 'metrics.jsonl');
  await expect
    .poll(() => readFile(metrics, 'utf8').catch(() => ''), { timeout: 60_000 })
    .toContain('"step":3,');
  host.process.kill('SIGINT');
  const first = trainResultOf(await host.ended);
  expect(first.steps).toBeLessThan(24);
  // As after a power cut: steps behind the checkpoint, the last one cut off.
  await appendFile(metrics, `{"step":${first.steps + 1},"loss":9}\n{"step":${first.steps + 2},"lo`);

  const resume = ['train', '--run', 'halved', '--resume', '--port', '0', '--json'];
  const ended = await runTandem(folder, ...resume);
  expect(ended.stderr).toContain(`Going on with halved after step ${first.steps} of 24.`);
  const second = trainResultOf(ended);
  expect(second).toMatchObject({ steps: 24, run: 'halved', stopped: false });
  const { result: whole, checkpoint: before } = await undisturbedRun();
  expect(second.losses).toEqual(whole.losses);
  const after = await loadCheckpoint(join(folder, second.checkpoint));
  expect(differences(after.state, before.state)).toEqual([]);
  expect(after.numBatchesTracked).toBe(before.numBatchesTracked);
  const lines = (await readFile(metrics, 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual(
    Array.from({ length: 24 }, (_, index) => index + 1),
  );

  const other = await runTandem(folder, ...resume, '--batch', '16', '--lr', '1');
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('halved was started with: leave out --batch, --lr');
}, 200_000);

test('weights of an earlier run are where the next one starts', async () => {
  const folder = await emptyFolder();
  const train = [...small, '--cut', 'none', '--momentum', '0'];
  const first = trainResultOf(await runTandem(folder, ...train, '--steps', '3'));
  // At a rate of zero the parameters stay what the file held.
  const second = trainResultOf(
    await runTandem(
      ...([folder, ...train, '--steps', '1', '--lr', '0'] as const),
      ...['--weights', first.checkpoint],
    ),
  );
  const before = await loadCheckpoint(join(folder, first.checkpoint));
  const after = await loadCheckpoint(join(folder, second.checkpoint));
  expect(differences(after.state, before.state).every((name) => name.includes('running_'))).toBe(
    true,
  );
  expect(differences(after.state, before.state).length).toBeGreaterThan(0);
  expect([before.numBatchesTracked, after.numBatchesTracked]).toEqual([12, 16]);
}, 120_000);

test.each([
  [['--cut', 'layer9.0'], 2, "cut 'layer9.0': resnet20 has no such unit; expected none, auto, or"],
  [['--batch', '30'], 2, '--batch 30 is not divisible by --micro-batch 4; take for example'],
  [['--epochs', '1', '--steps', '1'], 2, '--epochs and --steps exclude each other'],
  [['--batch', 'many'], 2, 'Expected a whole number of 1 or more'],
  [['--resume'], 2, '--resume needs --run'],
  [['--resume', '--run', 'nowhere'], 1, 'nowhere/run.json: expected the file of a run'],
  [['--model', 'vgg'], 2, 'Allowed choices are resnet18, resnet34, resnet50, resnet20'],
  [['--image-size', '3', '--model', 'resnet34'], 1, 'expected'],
  [['--data', 'nowhere'], 1, 'nowhere'],
  [['--weights', 'nowhere.safetensors', '--steps', '1'], 1, 'nowhere.safetensors'],
])('%j is refused with exit code %d', async (options, code, sentence) => {
  const folder = await emptyFolder();
  const ended = await runTandem(folder, ...small, ...options);
  expect(ended.stderr).toContain(sentence);
  expect(ended.code).toBe(code);
  expect(existsSync(join(folder, 'runs'))).toBe(false);
});

test('a weights file that was cut off, or is for other classes, is refused; nothing is written', async () => {
  const folder = await emptyFolder();
  const { checkpoint } = trainResultOf(
    await runTandem(folder, ...small, '--cut', 'none', '--steps', '1', '--run', 'first'),
  );
  const bytes = await readFile(join(folder, checkpoint));
  await writeFile(join(folder, 'cut-off.safetensors'), bytes.subarray(0, bytes.length / 2));
  const cutOff = await runTandem(folder, ...small, '--weights', 'cut-off.safetensors');
  expect(cutOff.code).toBe(1);
  expect(cutOff.stderr).toMatch(/cut-off\.safetensors.*cut off/);
  const other = await runTandem(folder, ...small, '--model', 'resnet18', '--weights', checkpoint);
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('layer');
  expect(existsSync(join(folder, 'runs'))).toBe(false);
  const again = await runTandem(folder, ...small, '--run', 'first');
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('first already holds a run');
  expect(await readFile(join(folder, checkpoint))).toEqual(bytes);
}, 120_000);
