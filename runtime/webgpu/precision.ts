import type { Precision, StageSpec } from '../engine';
import type { FailureReason } from '../worker/status';
import type { Dispatch, Kernel } from './kernel';

/** The line of a `.wgsl` file that says how it stores values; a kernel without it touches none. */
const storedAsF32 = 'alias Value4 = vec4f;';
const storedAsF16 = 'enable f16;\n\nalias Value4 = vec4h;';

/** The WebGPU feature that f16 in a kernel needs. */
export const halfFeature = 'shader-f16';

/** A device can't store values as it was asked to. */
export class PrecisionError extends Error {
  override readonly name = 'PrecisionError';
  /** The page's. */
  readonly reason: FailureReason = 'limits-too-small';
}

/**
 * @param offered how the device can store values; as f32 alone where absent
 * @throws PrecisionError when it is none of them
 */
export function expectPrecision(
  precision: Precision = 'f32',
  offered: readonly Precision[] = ['f32'],
  device: string,
): void {
  if (offered.includes(precision)) return;
  throw new PrecisionError(
    `${device} can't compute with f16 (WebGPU's ${halfFeature}); leave --precision f16 out`,
  );
}

/** Whether the device can store values as f16; it was asked for that where it could. */
export function hasHalf({ features }: GPUDevice): boolean {
  return features.has(halfFeature);
}

const halves = new WeakMap<Kernel, Kernel>();

/** The same dispatches, with values stored as `precision` says: sums, weights and statistics stay f32. */
export function inPrecision(dispatches: readonly Dispatch[], precision: Precision): Dispatch[] {
  if (precision === 'f32') return [...dispatches];
  return dispatches.map((dispatch) => ({ ...dispatch, kernel: halfOf(dispatch.kernel) }));
}

function halfOf(kernel: Kernel): Kernel {
  if (!kernel.code.includes(storedAsF32)) return kernel;
  const known = halves.get(kernel);
  if (known) return known;
  const code = kernel.code.replace(storedAsF32, storedAsF16);
  const half = { ...kernel, name: `${kernel.name} (f16)`, code };
  halves.set(kernel, half);
  return half;
}

/**
 * What gradients are stored times, a power of two; 1 for f32.
 *
 * f16 ends at 65504 and has no full fraction below 2^-14, where GPUs may take everything for zero;
 * gradients of activations are small: each sample's is divided by the batch, and each pixel's by
 * the pixels of the pooling. Undoing the first and multiplying by 2^10 puts a sample's own gradient
 * of 2^-24 to 63 into the range. The scale is fixed: one that adapts would have all stages agree on
 * dropping a step, a round trip over the cable for each, and an overflow is not silent without it:
 * infinity becomes NaN in the next forward, and a loss that is NaN ends the run at its last
 * checkpoint. Tensors that cross a boundary and gradients that leave the engine are unscaled.
 */
export function lossScaleOf({ precision, microBatchSize, numMicroBatches }: StageSpec): number {
  if (precision !== 'f16') return 1;
  return 2 ** (Math.round(Math.log2(microBatchSize * numMicroBatches)) + 10);
}
