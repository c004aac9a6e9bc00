import {
  d,
  tgpu,
  writeToArrayBuffer,
  type TgpuBindGroupLayout,
  type TgpuLayoutStorage,
  type TgpuLayoutUniform,
} from 'typegpu';
import type { FailureReason } from '../worker/status';
import type { Region } from './memory';

/** How activations, gradients and weights are bound: `array<vec4f>`. */
export const vectors = d.arrayOf(d.vec4f);

/** `params` is the kernel's struct of sizes; every other entry binds a region. */
export type KernelEntries = Record<string, TgpuLayoutUniform | TgpuLayoutStorage>;

/** One `.wgsl` file with its typed bindings: group 0, bound in the order of the layout's entries. */
export interface Kernel<Entries extends KernelEntries = KernelEntries> {
  /** The file's name without `.wgsl`. */
  readonly name: string;
  readonly code: string;
  readonly layout: TgpuBindGroupLayout<Entries>;
  readonly workgroupSize: readonly [number, number, number];
}

type ParamsOf<Entries> = Entries extends { params: { uniform: infer Params extends d.BaseData } }
  ? { readonly params: d.InferInput<Params> }
  : { readonly params?: never };

/** One run of a kernel over known memory: made once with the plan, encoded every time. */
export interface Dispatch {
  readonly kernel: Kernel;
  /** The bytes of the kernel's `params`; empty when it has none. */
  readonly params: Uint8Array;
  readonly regions: Readonly<Record<string, Region>>;
  readonly workgroups: readonly [number, number, number];
}

/** More workgroups than WebGPU lets one dispatch have. */
export class DispatchSizeError extends Error {
  override readonly name = 'DispatchSizeError';
  /** The page's. */
  readonly reason: FailureReason = 'limits-too-small';
}

/** Every WebGPU device allows this many workgroups in each dimension; none in Safari allows more. */
const maxWorkgroupsPerDimension = 65535;

export function defineKernel<Entries extends KernelEntries>(kernel: {
  name: string;
  code: string;
  entries: Entries;
  workgroupSize: readonly [number, number, number];
}): Kernel<Entries> {
  const { name, code, workgroupSize } = kernel;
  // TypeGPU would make them visible to the render stages too, and Safari would pay for each.
  const entries = Object.fromEntries(
    Object.entries(kernel.entries).map(([key, entry]) => [
      key,
      { ...entry, visibility: ['compute' as const] },
    ]),
  );
  const layout = tgpu.bindGroupLayout(entries) as unknown as TgpuBindGroupLayout<Entries>;
  return { name, code, layout, workgroupSize };
}

/**
 * A dispatch of at least `threads` invocations.
 *
 * A single number is spread over x and y; the kernel finds its place by
 * `id.x + id.y * groups.x * workgroupSize` (`groups` is `num_workgroups`) and checks the end
 * itself. Three numbers are rounded up to whole workgroups, each dimension by itself.
 *
 * @throws DispatchSizeError when a dimension needs more than 65535 workgroups
 */
export function dispatch<Entries extends KernelEntries>(
  kernel: Kernel<Entries>,
  run: ParamsOf<Entries> & {
    readonly regions: Readonly<Record<Exclude<keyof Entries, 'params'>, Region>>;
    readonly threads: number | readonly [number, number, number];
  },
): Dispatch {
  const { regions, threads } = run;
  const workgroups =
    typeof threads === 'number'
      ? spread(Math.ceil(threads / kernel.workgroupSize[0]))
      : ([0, 1, 2] as const).map((axis) => Math.ceil(threads[axis] / kernel.workgroupSize[axis]));
  const [x = 1, y = 1, z = 1] = workgroups;
  if (Math.max(x, y, z) > maxWorkgroupsPerDimension) {
    throw new DispatchSizeError(
      `${kernel.name}: ${x} x ${y} x ${z} workgroups, at most ${maxWorkgroupsPerDimension} in a dimension; use a smaller micro-batch`,
    );
  }
  const entries: KernelEntries = kernel.layout.entries;
  return {
    kernel: kernel,
    params: encodeParams(entries['params'], run.params),
    regions,
    workgroups: [x, y, z],
  };
}

function spread(groups: number): [number, number, number] {
  const rows = Math.ceil(groups / maxWorkgroupsPerDimension);
  return [Math.ceil(groups / rows), rows, 1];
}

function encodeParams(entry: KernelEntries[string] | undefined, values: unknown): Uint8Array {
  if (!entry || !('uniform' in entry)) return new Uint8Array(0);
  const bytes = new ArrayBuffer(d.sizeOf(entry.uniform as d.AnyData));
  writeToArrayBuffer(bytes, entry.uniform, values);
  return new Uint8Array(bytes);
}
