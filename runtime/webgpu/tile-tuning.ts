import { bind, compileKernels, encode, ParamsArena } from './commands';
import type { Dispatch } from './kernel';
import { allocate, type Allocation, type Region } from './memory';
import type { OperationContext } from './operation';
import {
  convolutionWith,
  largestTiles,
  type ConvolutionPass,
  type ConvolutionShape,
  type TileChoice,
} from './operations/convolution';
import { convolutionKernels } from './operations/convolution-kernels';
import { valueBytes, type Value, type ValueLayout } from './value';

/** Where choices outlive the load, or the page: `localStorage` has this interface. */
export interface TuningStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export interface TuningOptions {
  readonly store: TuningStore;
  /** Milliseconds; `performance.now`. */
  readonly now: () => number;
  /** Milliseconds after which nothing more is timed; ten seconds where absent. */
  readonly budget?: number;
}

/** One product that a stage computes, and how many tiles there are for it. */
export interface TuningCase {
  readonly pass: ConvolutionPass;
  readonly shape: ConvolutionShape;
  readonly count: number;
}

/** Enough dispatches a submit that the time of the submit itself disappears. */
const repeats = 4;

/** Each different product that the planner asks a tile for. */
export class TuningCases {
  readonly byKey = new Map<string, TuningCase>();

  /** A choice that takes down what it is asked. */
  readonly record: TileChoice = (pass, shape, count) => {
    this.byKey.set(caseKey(pass, shape), { pass, shape, count });
    return largestTiles(pass, shape, count);
  };
}

/**
 * Times the tiles for each case on the device, and remembers the fastest by device and kernels.
 * What the budget leaves untimed gets the largest tile, and is timed on the next load.
 *
 * @param deviceName the adapter in words; a choice holds for it alone
 */
export async function tuneTiles(
  device: GPUDevice,
  deviceName: string,
  cases: ReadonlyMap<string, TuningCase>,
  { store, now, budget = 10_000 }: TuningOptions,
): Promise<TileChoice> {
  const prefix = `tandem tile ${kernelVersion()} ${deviceName}:`;
  const chosen = new Map<string, number>();
  const start = now();
  for (const [key, { pass, shape, count }] of cases) {
    const known = parseTile(store.getItem(prefix + key), count);
    if (known !== undefined) {
      chosen.set(key, known);
      continue;
    }
    const times: number[] = [];
    for (let tile = 0; tile < count && now() - start < budget; tile++) {
      times.push(await time(device, pass, shape, tile, now));
    }
    if (times.length < count) continue;
    const fastest = fastestTile(times);
    chosen.set(key, fastest);
    store.setItem(prefix + key, String(fastest));
  }
  return (pass, shape, count) =>
    chosen.get(caseKey(pass, shape)) ?? largestTiles(pass, shape, count);
}

/** The index of the least time; of equals the larger tile. */
export function fastestTile(times: readonly number[]): number {
  return times.lastIndexOf(Math.min(...times));
}

function parseTile(text: string | null, count: number): number | undefined {
  const tile = text === null || text === '' ? NaN : Number(text);
  return Number.isInteger(tile) && tile >= 0 && tile < count ? tile : undefined;
}

function caseKey(pass: ConvolutionPass, { operation, input, output }: ConvolutionShape): string {
  const { inChannels, outChannels, kernel, stride, padding } = operation;
  const { batch, height, width } = input;
  return [
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

/** Milliseconds of a product with one tile, after a first run that is not counted. */
async function time(
  device: GPUDevice,
  pass: ConvolutionPass,
  shape: ConvolutionShape,
  tile: number,
  now: () => number,
): Promise<number> {
  const dispatches = dispatchesOf(pass, shape, tile);
  const compiled = await compileKernels(device, dispatches);
  const buffers = new Map<Allocation, GPUBuffer>();
  const bufferOf = (allocation: Allocation): GPUBuffer => {
    const { label, bytes: size } = allocation;
    const known = buffers.get(allocation);
    const buffer = known ?? device.createBuffer({ label, size, usage: GPUBufferUsage.STORAGE });
    buffers.set(allocation, buffer);
    return buffer;
  };
  const params = new ParamsArena(dispatches);
  params.upload(device);
  const commands = dispatches.map((dispatch) => bind(device, compiled, params, bufferOf, dispatch));
  const run = async (times: number): Promise<void> => {
    const encoder = device.createCommandEncoder();
    const computePass = encoder.beginComputePass();
    for (let repeat = 0; repeat < times; repeat++) encode(computePass, commands);
    computePass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  try {
    await run(1);
    const start = now();
    await run(repeats);
    return (now() - start) / repeats;
  } finally {
    for (const buffer of buffers.values()) buffer.destroy();
    params.destroy();
  }
}

function dispatchesOf(
  pass: ConvolutionPass,
  { operation, input, output }: ConvolutionShape,
  tile: number,
): readonly Dispatch[] {
  const module = convolutionWith(() => tile);
  const weightBytes = module.tensors?.(operation).get(operation.weight)?.bytes ?? 0;
  const valueOf = (label: string, layout: ValueLayout): Value => ({
    layout,
    region: allocate(label, valueBytes(layout)),
  });
  const x = valueOf('x', input);
  const y = valueOf('y', output);
  const weight = allocate('weight', weightBytes);
  const gradient = allocate('weight gradient', weightBytes);
  const context: OperationContext = {
    value: (name) => (name === operation.input ? x : y),
    outputGradient: () => y,
    inputGradient: () => ({ ...x, accumulate: false }),
    tensor: (): Region => weight,
    tensorGradient: (): Region => gradient,
    buffer: allocate,
  };
  switch (pass) {
    case 'forward':
      return module.forward(operation, context);
    case 'inputGradient':
      return module.backwardInput(operation, context);
    case 'weightGradient':
      return module.backwardWeight?.(operation, context) ?? [];
  }
}
