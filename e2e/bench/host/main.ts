import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../../server/cli/options';
import { defaultNumThreads, describeCpu } from '../../../server/engine/cpu';
import { findBlockSize } from '../../../server/engine/onnx/block-size';
import { maxRelativeError } from './compare';
import { Contestant, ContestantError } from './contestant';
import { forwardFlops, trainingFlops } from './flops';
import { Materials } from './materials';
import { missedTargets, type Beside } from './targets';
import type { Taken } from './work';

/*
 * ResNet-34 at 224 x 224, micro-batch 16: this engine against PyTorch on the same processor with
 * the same threads, taking turns. Correctness first.
 */
const names = ['blocked', 'standard', 'default', 'channels_last'] as const;
type Name = (typeof names)[number];
type Contestants = Readonly<Record<Name, Contestant>>;
type Times = Readonly<Record<Name, number>>;

/** Other work on the machine moves the clock's times more than the processor's. */
interface Medians {
  readonly clock: Times;
  readonly processor: Times;
}

const samples = 16;
const imageSize = 224;
const cuts = ['layer1.0', 'layer2.0', 'layer3.0', 'layer4.0', 'head'];
/** Somewhere new, on by one unit, and back. */
const changedCuts = ['layer3.1', 'layer3.2', 'layer3.1'];
const tolerance = 1e-4;

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: String(defaultNumThreads()) },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    // Fails where a target is missed.
    targets: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
async function bench(): Promise<void> {
  const numThreads = count('threads');
  say(describeCpu(numThreads));
  const blockSize = await findBlockSize();
  const variant = blockSize ? `blocked layout, ${blockSize} channels` : 'standard operators';
  say(`Variant: ${variant}`);
  const materials = new Materials();
  let contestants: Contestants | undefined;
  try {
    contestants = await startAll(numThreads);
    const { blocked, standard, default: peer } = contestants;
    const maxRelError = await maxRelativeError([blocked, standard], peer, materials);
    say(`Gradients and output against PyTorch in float64: ${maxRelError.toExponential(1)}`);
    if (!(maxRelError < tolerance)) {
      throw new Error(`expected an error below ${tolerance}, got ${maxRelError}; nothing is timed`);
    }
    // What the check took is not to stand in the peak memory of what is timed.
    stopAll(contestants);
    contestants = await startAll(numThreads);

    const whole = { end: null, samples, imageSize };
    await load(contestants, materials, null);
    const training = await medians(contestants, 'train');
    const peaks = await each(contestants, (one) => one.ask({ kind: 'peak' }));
    report('whole network, training step', training, trainingFlops(whole));
    say(`  peak RSS, MB: ${names.map((name) => `${name} ${round(peaks[name].mb)}`).join(', ')}`);
    const inference = await medians(contestants, 'infer');
    report('whole network, inference', inference, forwardFlops(whole));
    for (const end of options.quick ? [] : cuts) {
      await load(contestants, materials, end);
      const times = await medians(contestants, 'train');
      report(`front stage up to ${end}, training step`, times, trainingFlops({ ...whole, end }));
    }

    const cutSteps: number[] = [];
    for (const end of changedCuts) {
      cutSteps.push(await reportChange(contestants.blocked, materials, end));
    }

    const figures = {
      training: beside('blocked', training.clock),
      inference: beside('blocked', inference.clock),
      fallback: beside('standard', training.clock),
      rssMb: { ours: round(peaks.blocked.mb), torch: round(peaks.default.mb) },
    };
    const missed = options.targets ? missedTargets({ ...figures, cutSteps }) : [];
    for (const line of missed) say(`missed: ${line}`);
    if (missed.length > 0) process.exitCode = 1;
    if (!options.json) return;
    const result = { threads: numThreads, variant, ...figures, maxRelError };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    if (contestants) stopAll(contestants);
    materials.remove();
  }
}

function count(option: 'threads' | 'rounds'): number {
  try {
    return wholeNumber(1)(options[option]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`--${option} ${options[option]}: ${reason}`, { cause });
  }
}

async function startAll(numThreads: number): Promise<Contestants> {
  const started = new Map<Name, Contestant>();
  try {
    for (const name of names) started.set(name, await start(name, numThreads));
  } catch (error) {
    for (const contestant of started.values()) contestant.stop();
    throw error;
  }
  return Object.fromEntries(started) as Contestants;
}

function stopAll(contestants: Contestants): void {
  for (const name of names) contestants[name].stop();
}

async function start(name: Name, numThreads: number): Promise<Contestant> {
  const isOurs = name === 'blocked' || name === 'standard';
  const python = process.env['TANDEM_PYTHON'] ?? 'python3';
  const command = isOurs ? process.execPath : python;
  const file = isOurs ? 'dist/bench/host/ours.js' : 'e2e/bench/host/peer.py';
  try {
    const started = await Contestant.start(command, [resolve(file), String(numThreads), name]);
    say(`${name}: ${started.name}`);
    return started.contestant;
  } catch (error) {
    if (isOurs || !(error instanceof ContestantError)) throw error;
    throw new ContestantError(
      `${error.message}\n\nThe benchmark needs PyTorch, and '${python}' can't run it. Get it with\n` +
        '  python3 -m venv torch && torch/bin/pip install torch numpy\n' +
        '  export TANDEM_PYTHON=$PWD/torch/bin/python\n' +
        'or, on Debian, apt install python3-torch.',
    );
  }
}

async function load(contestants: Contestants, materials: Materials, end: string | null) {
  const message = materials.load({ end, samples, imageSize, exact: false });
  for (const name of names) await contestants[name].ask(message);
}

/**
 * What it takes to move the front stage's end, in the first step too: the new graphs are compiled
 * while the weights are on their way, and those of the stage before are kept.
 * @returns its share of a step
 */
async function reportChange(one: Contestant, materials: Materials, end: string): Promise<number> {
  const work = { end, samples, imageSize, exact: false };
  const { ms: loadMs } = await one.ask(materials.load(work));
  const { ms: firstMs } = await one.ask({ kind: 'train' });
  const { ms: stepMs } = await one.ask({ kind: 'train' });
  const changeMs = loadMs + Math.max(firstMs - stepMs, 0);
  const steps = changeMs / stepMs;
  const share = `${steps.toFixed(2)} of a step of ${round(stepMs)} ms`;
  say(`cut moved to ${end}: ${round(changeMs)} ms, ${share}`);
  return steps;
}

/** Milliseconds; the first round, in which memory is claimed and code compiled, doesn't count. */
async function medians(contestants: Contestants, kind: 'train' | 'infer'): Promise<Medians> {
  const taken: Readonly<Record<Name, Taken>>[] = [];
  const rounds = count('rounds');
  for (let turn = 0; turn <= rounds; turn++) {
    taken.push(await each(contestants, (one) => one.ask({ kind })));
  }
  const middle = (name: Name, unit: keyof Taken): number => {
    const sorted = taken.slice(1).map((times) => times[name][unit]);
    sorted.sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  };
  return {
    clock: perName((name) => middle(name, 'ms')),
    processor: perName((name) => middle(name, 'cpuMs')),
  };
}

/** One after the other: never do two compute at once. */
async function each<Reply>(
  contestants: Contestants,
  ask: (contestant: Contestant) => Promise<Reply>,
): Promise<Readonly<Record<Name, Reply>>> {
  const replies: [Name, Reply][] = [];
  for (const name of names) replies.push([name, await ask(contestants[name])]);
  return Object.fromEntries(replies) as Record<Name, Reply>;
}

function perName(value: (name: Name) => number): Times {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Times;
}

function report(what: string, { clock: times, processor }: Medians, flops: number): void {
  say(what);
  for (const name of names) {
    const gflops = (flops / times[name] / 1e6).toFixed(0);
    const ratios = (of: Times): string =>
      (['default', 'channels_last'] as const)
        .map((peer) => `${(of[peer] / of[name]).toFixed(2)}x ${peer}`)
        .join(', ');
    say(`  ${name.padEnd(14)} ${round(times[name])} ms, ${gflops} GFLOP/s, ${ratios(times)}`);
    say(`  ${' '.repeat(14)} ${round(processor[name])} ms of processor, ${ratios(processor)}`);
  }
}

function beside(ours: Name, times: Times): Beside {
  return {
    ms: round(times[ours]),
    torchDefaultMs: round(times.default),
    torchChannelsLastMs: round(times.channels_last),
  };
}

function round(value: number): number {
  return Math.round(value);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await bench();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
