import type { Precision } from '../engine';
import {
  largestTiles,
  type ConvolutionPass,
  type ConvolutionShape,
  type TileChoice,
} from './operations/convolution';
import { convolutionKernels } from './operations/convolution-kernels';
import { RepeatableDispatches } from './repeatable-dispatches';
import { planSingleConvolution } from './single-convolution';

/** Where choices outlive the load, or the page: `localStorage` has this interface. */
export interface TuningStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export interface TuningOptions {
  readonly store: TuningStore;
  /** Milliseconds; `performance.now`. */
  readonly now: () => number;
  /** Milliseconds after which nothing more is timed than the first; ten seconds where absent. */
  readonly budget?: number;
}

/** One product that a stage computes, and how many tiles there are for it. */
export interface TuningCase {
  readonly pass: ConvolutionPass;
  readonly shape: ConvolutionShape;
  /** How the values are stored: f16 has kernels of its own, and half of the traffic. */
  readonly precision: Precision;
  readonly count: number;
}

/** Enough dispatches a submit that the time of the submit itself disappears. */
const repeats = 4;

/** Each different product that the planner asks a tile for. */
export class TuningCases {
  readonly precision: Precision;
  readonly byKey = new Map<string, TuningCase>();

  constructor(precision: Precision = 'f32') {
    this.precision = precision;
  }

  /** A choice that takes down what it is asked. */
  readonly record: TileChoice = (pass, shape, count) => {
    const { precision } = this;
    this.byKey.set(caseKey(precision, pass, shape), { pass, shape, precision, count });
    return largestTiles(pass, shape, count);
  };
}

/**
 * Times the tiles for each case on the device, and remembers the fastest by device and kernels.
 * What the budget leaves untimed gets the largest tile, and is timed on a later load: each times
 * one at least.
 *
 * @param deviceName the adapter in words; a choice holds for it alone
 */
export async function tuneTiles(
  device: GPUDevice,
  deviceName: string,
  { precision, byKey }: TuningCases,
  { store, now, budget = 10_000 }: TuningOptions,
): Promise<TileChoice> {
  const prefix = `tandem tile ${kernelVersion()} ${deviceName}:`;
  const chosen = new Map<string, number>();
  const start = now();
  let numTimed = 0;
  for (const [key, each] of byKey) {
    const known = parseTile(store.getItem(prefix + key), each.count);
    if (known !== undefined) {
      chosen.set(key, known);
      continue;
    }
    const isOver = now() - start >= budget;
    if (isOver && numTimed > 0) continue;
    numTimed++;
    const fastest = fastestTile(await timeTiles(device, each, now));
    chosen.set(key, fastest);
    store.setItem(prefix + key, String(fastest));
  }
  return (pass, shape, count) =>
    chosen.get(caseKey(precision, pass, shape)) ?? largestTiles(pass, shape, count);
}

/** The index of the least time; of equals the larger tile. */
export function fastestTile(times: readonly number[]): number {
  return times.lastIndexOf(Math.min(...times));
}

function parseTile(text: string | null, count: number): number | undefined {
  const tile = text === null || text === '' ? NaN : Number(text);
  return Number.isInteger(tile) && tile >= 0 && tile < count ? tile : undefined;
}

function caseKey(
  precision: Precision,
  pass: ConvolutionPass,
  { operation, input, output }: ConvolutionShape,
): string {
  const { inChannels, outChannels, kernel, stride, padding } = operation;
  const { batch, height, width } = input;
  return [
    precision,
    pass,
    `${batch}x${inChannels}x${height}x${width}`,
    `${outChannels}x${output.height}x${output.width}`,
    `k${kernel}s${stride}p${padding}`,
  ].join(' ');
}

/** FNV-1a over the kernels' sources: another kernel may have another fastest tile. */
function kernelVersion(): string {
  let hash = 0x811c9dc5;
  for (const { code } of convolutionKernels) {
    for (let index = 0; index < code.length; index++) {
      hash = Math.imul(hash ^ code.charCodeAt(index), 0x01000193);
    }
  }
  return (hash >>> 0).toString(16);
}

/** Milliseconds of a product with each of its tiles, each after a first run that is not counted. */
export async function timeTiles(
  device: GPUDevice,
  { pass, shape, precision, count }: TuningCase,
  now: () => number,
): Promise<number[]> {
  const times: number[] = [];
  for (let tile = 0; tile < count; tile++) {
    const { dispatches } = planSingleConvolution(pass, shape, () => tile, precision);
    const repeatable = await RepeatableDispatches.create(device, dispatches);
    const run = async (times: number): Promise<void> => {
      repeatable.submit(times);
      await device.queue.onSubmittedWorkDone();
    };
    try {
      await run(1);
      const start = now();
      await run(repeats);
      times.push((now() - start) / repeats);
    } finally {
      repeatable.destroy();
    }
  }
  return times;
}
