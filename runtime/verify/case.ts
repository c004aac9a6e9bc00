import type { RequestedDevice } from '../webgpu/device';
import type { Comparison } from './comparison';

/** One operation at one shape, run on the device and held against what is right. */
export interface VerificationCase {
  /** The operation in words: `convolution`, `batch norm`, `SGD`. */
  readonly op: string;
  /** Sizes in words: `1x64x56x56 to 128 channels, 3x3, stride 2`. */
  readonly shape: string;
  /** What it is held against: our float64 reference, or what PyTorch made of the same numbers. */
  readonly against: 'float64' | 'PyTorch';
  /** Roughly how many multiplications the reference takes. */
  readonly cost: number;
  /** Runs it, forward and backward; the device stays the caller's. */
  run(target: RequestedDevice): Promise<readonly Comparison[]>;
}
