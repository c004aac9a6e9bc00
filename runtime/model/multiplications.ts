import { elementCount, type Shape } from '../tensor';
import { inferShapes, type Unit } from './graph';

/** Of one sample's forward through a unit, in its convolutions and the classifier. */
export function multiplications(unit: Unit, inputShape: Shape): number {
  const shapes = inferShapes(unit, inputShape);
  return unit.operations.reduce((sum, operation) => {
    if (operation.kind === 'linear') return sum + operation.inFeatures * operation.outFeatures;
    if (operation.kind !== 'convolution') return sum;
    const outputs = elementCount(shapes.get(operation.output) ?? []);
    return sum + outputs * operation.inChannels * operation.kernel ** 2;
  }, 0);
}
