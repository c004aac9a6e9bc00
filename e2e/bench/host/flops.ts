import { inferShapes } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import { unitsOf, type Work } from './work';

/** Multiplications and additions of one forward, in the convolutions and the classifier. */
export function forwardFlops(work: Pick<Work, 'end' | 'samples' | 'imageSize'>): number {
  let shape: Shape = [3, work.imageSize, work.imageSize];
  let multiplications = 0;
  for (const unit of unitsOf(work)) {
    const shapes = inferShapes(unit, shape);
    for (const operation of unit.operations) {
      if (operation.kind === 'linear') {
        multiplications += operation.inFeatures * operation.outFeatures;
      } else if (operation.kind === 'convolution') {
        const outputs = elementCount(shapes.get(operation.output) ?? []);
        multiplications += outputs * operation.inChannels * operation.kernel ** 2;
      }
    }
    shape = shapes.get(unit.output) ?? [];
  }
  return 2 * work.samples * multiplications;
}

/** As {@link forwardFlops}: of a training step, without the gradient of the pictures. */
export function trainingFlops(work: Pick<Work, 'end' | 'samples' | 'imageSize'>): number {
  const firstConvolution = 2 * work.samples * 64 * 3 * 7 ** 2 * (work.imageSize / 2) ** 2;
  return 3 * forwardFlops(work) - firstConvolution;
}
