import { outputShapeOf } from '../../../runtime/model/graph';
import { multiplications } from '../../../runtime/model/multiplications';
import type { Shape } from '../../../runtime/tensor';
import { unitsOf, type Work } from './work';

/** Multiplications and additions of one forward, in the convolutions and the classifier. */
export function forwardFlops(work: Pick<Work, 'end' | 'samples' | 'imageSize'>): number {
  let shape: Shape = [3, work.imageSize, work.imageSize];
  let ofSample = 0;
  for (const unit of unitsOf(work)) {
    ofSample += multiplications(unit, shape);
    shape = outputShapeOf([unit], shape);
  }
  return 2 * work.samples * ofSample;
}

/** As {@link forwardFlops}: of a training step, without the gradient of the pictures. */
export function trainingFlops(work: Pick<Work, 'end' | 'samples' | 'imageSize'>): number {
  const firstConvolution = 2 * work.samples * 64 * 3 * 7 ** 2 * (work.imageSize / 2) ** 2;
  return 3 * forwardFlops(work) - firstConvolution;
}
