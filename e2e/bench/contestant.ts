import {
  directions,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from '../../runtime/bench/convolution-case';
import { prepareConvolution, type Prepared } from '../../runtime/bench/prepare-convolution';

/** An implementation of convolutions on WebGPU. */
export interface Contestant {
  readonly name: string;
  readonly directions: readonly Direction[];
  prepare(convolution: ConvolutionCase, direction: Direction, data: CaseData): Promise<Prepared>;
}

/** Tandem's own kernels, through the operation that the engine runs. */
export function tandem(device: GPUDevice): Contestant {
  return {
    name: 'Tandem',
    directions,
    prepare: (...asked) => prepareConvolution(device, ...asked),
  };
}
