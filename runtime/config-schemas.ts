import * as v from 'valibot';
import { architectures } from './model/resnet';

/*
 * What names a network and an optimizer, as it is checked wherever it comes from elsewhere: over
 * the wire, from a run's file, from a checkpoint.
 */
const nonNegative = v.pipe(v.number(), v.minValue(0));

export const modelSchema = v.strictObject({
  architecture: v.picklist(architectures),
  numClasses: v.pipe(v.number(), v.integer(), v.minValue(1)),
  stem: v.picklist(['imagenet', 'cifar']),
});

export const optimizerSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('sgd'),
    momentum: nonNegative,
    nesterov: v.boolean(),
    weightDecay: nonNegative,
  }),
  v.strictObject({
    kind: v.literal('adamw'),
    beta1: nonNegative,
    beta2: nonNegative,
    epsilon: nonNegative,
    weightDecay: nonNegative,
  }),
]);
