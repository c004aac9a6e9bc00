import type { CaseData, ConvolutionCase, Direction } from './convolution-case';

/** A convolution with its operands on the device, compiled, ready to be run any number of times. */
export interface Prepared {
  /** Issues `count` runs, then resolves when one value of the last one's result has been read. */
  run(count: number): Promise<void>;
  /** Runs once; the whole result, (N, C, H, W) or (out, in, kernel, kernel). */
  result(): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** An implementation of convolutions on WebGPU. */
export interface Contestant {
  readonly name: string;
  readonly directions: readonly Direction[];
  prepare(convolution: ConvolutionCase, direction: Direction, data: CaseData): Promise<Prepared>;
}

/** Copies a part of a buffer to the host; resolves when the GPU has done all that was submitted. */
export async function readFloats(
  device: GPUDevice,
  buffer: GPUBuffer,
  bytes: number,
): Promise<Float32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ label: 'readback', size: bytes, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const floats = new Float32Array(staging.getMappedRange()).slice();
  staging.destroy();
  return floats;
}
