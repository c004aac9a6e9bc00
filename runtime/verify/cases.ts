import type { OptimizerConfig } from '../engine';
import { boundaryCase } from './boundary-case';
import type { VerificationCase } from './case';
import type { CaseSet } from './case-set';
import { goldenCases, type GoldenData } from './golden-case';
import { lossCase } from './loss-case';
import { oddCases } from './odd-cases';
import { optimizerCase } from './optimizer-case';
import { resnetCases, type Setting } from './resnet-cases';

const imageNetworks = ['resnet18', 'resnet34', 'resnet50'] as const;

/**
 * All cases of a set, odd shapes first, then the networks' and PyTorch's.
 * @param withHalf the device can store values as f16: the odd shapes and the networks so, too
 */
export function verificationCases(
  set: CaseSet,
  golden: GoldenData,
  withHalf: boolean,
): VerificationCase[] {
  const imageSize = set === 'quick' ? 48 : 224;
  const settings: Setting[] = imageNetworks.map((architecture) => ({
    architecture,
    imageSize,
    batch: 1,
    numClasses: 1000,
  }));
  // The CIFAR network has the shortcut that pads; it is small as it is.
  settings.push({ architecture: 'resnet20', imageSize: 32, batch: 2, numClasses: 10 });
  return [
    ...smallCases(),
    ...resnetCases(settings),
    ...networkCases,
    ...goldenCases(golden),
    ...(withHalf ? [...halfCases(), ...resnetCases(settings, 'f16')] : []),
  ];
}

/** Every kind of operation at odd shapes with values stored as f16. */
export function halfCases(): VerificationCase[] {
  const precision = 'f16';
  return [
    ...oddCases(precision),
    lossCase(5, 10, { labelSmoothing: 0.1, precision }),
    lossCase(6, 5, { labelSmoothing: 0, ties: true, precision }),
    lossCase(3, 301, { labelSmoothing: 0.2, precision }),
    ...boundaryShapes.map((shape) => boundaryCase(shape, precision)),
  ];
}

/** Every kind of operation at odd shapes: quick to run, and enough to catch a wrong kernel. */
export function smallCases(): VerificationCase[] {
  return [
    ...oddCases(),
    lossCase(5, 10, { labelSmoothing: 0.1 }),
    lossCase(6, 5, { labelSmoothing: 0, ties: true }),
    lossCase(3, 301, { labelSmoothing: 0.2 }),
    ...optimizers.map(([name, config]) => optimizerCase(name, config, 303)),
    ...boundaryShapes.map((shape) => boundaryCase(shape)),
  ];
}

const boundaryShapes = [
  [2, 3, 5, 7],
  [3, 10],
  [1, 8, 4, 4],
  [2, 65, 3, 3],
];

const decay = { weightDecay: 0.05 };
const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const optimizers: readonly (readonly [string, OptimizerConfig])[] = [
  ['SGD', { kind: 'sgd', momentum: 0, nesterov: false, ...decay }],
  ['SGD with momentum', { kind: 'sgd', momentum: 0.9, nesterov: false, ...decay }],
  ['SGD with Nesterov momentum', { kind: 'sgd', momentum: 0.9, nesterov: true, ...decay }],
  ['AdamW', { kind: 'adamw', ...betas, weightDecay: 0.1 }],
];

/** What stands around a network's operations, at the sizes of a training run. */
const networkCases: readonly VerificationCase[] = [
  lossCase(16, 1000, { labelSmoothing: 0.1 }),
  lossCase(32, 10, { labelSmoothing: 0 }),
  // layer1.0.conv1's parameters.
  ...optimizers.map(([name, config]) => optimizerCase(name, config, 64 * 64 * 9)),
  boundaryCase([2, 3, 224, 224]),
  boundaryCase([2, 256, 14, 14]),
];
