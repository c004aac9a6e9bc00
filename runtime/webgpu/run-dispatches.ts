import { bind, compileKernels, encode, ParamsArena } from './commands';
import type { Dispatch } from './kernel';
import type { Allocation, Region } from './memory';

/** What a region may hold; f16 as bits. */
export type StoredNumbers = Float32Array | Int32Array | Uint16Array;

/** The device refused the dispatches. */
export class DispatchError extends Error {
  override readonly name = 'DispatchError';
}

/**
 * Runs a list of dispatches once in memory of their own, which is freed after: how a kernel is
 * checked by itself.
 *
 * @param contents what regions hold at the start; all others hold zeros
 * @returns the contents of `results` at the end
 */
export async function runDispatches(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  contents: ReadonlyMap<Region, StoredNumbers>,
  results: readonly Region[],
): Promise<Float32Array[]> {
  const compiled = await compileKernels(device, dispatches);
  device.pushErrorScope('validation');
  const buffers = new Map<Allocation, GPUBuffer>();
  const bufferOf = (allocation: Allocation): GPUBuffer => {
    const known = buffers.get(allocation);
    if (known) return known;
    const { label, bytes: size } = allocation;
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const usage = STORAGE | UNIFORM | COPY_SRC | COPY_DST;
    const buffer = device.createBuffer({ label, size, usage });
    buffers.set(allocation, buffer);
    return buffer;
  };
  const params = new ParamsArena(dispatches);
  params.upload(device);
  for (const [region, data] of contents) {
    device.queue.writeBuffer(
      bufferOf(region.allocation),
      region.offset,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
  }
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(
    pass,
    dispatches.map((dispatch) => bind(device, compiled, params, bufferOf, dispatch)),
  );
  pass.end();
  const staging = results.map(({ allocation, offset, bytes }) => {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const copy = device.createBuffer({ size: bytes, usage });
    encoder.copyBufferToBuffer(bufferOf(allocation), offset, copy, 0, bytes);
    return copy;
  });
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new DispatchError(error.message);
  try {
    return await Promise.all(staging.map(read));
  } finally {
    for (const buffer of [...buffers.values(), ...staging]) buffer.destroy();
    params.destroy();
  }
}

async function read(buffer: GPUBuffer): Promise<Float32Array> {
  await buffer.mapAsync(GPUMapMode.READ);
  return new Float32Array(buffer.getMappedRange()).slice();
}
