import type { Precision } from '../engine';
import type { Convolution, Operation } from '../model/graph';
import type { Shape } from '../tensor';
import { tileCounts } from '../webgpu/operations/convolution';
import type { VerificationCase } from './case';
import { fusedCase, type Surroundings } from './fused-case';
import { operationCase, type OperationCaseOptions } from './operation-case';

const names = { input: 'input', output: 'output' };

/**
 * Shapes that no ResNet has, chosen for what kernels get wrong: channels that fill no vector, sizes
 * that leave tails, pictures smaller than the window, more than one sample, ties, gradients that
 * are there already.
 */
export function oddCases(precision: Precision = 'f32'): VerificationCase[] {
  const rows = [...convolutions, ...batchNorms, ...elementwise, ...pools, ...shortcuts, ...linears];
  const operations = rows.map(([operation, [batch = 1, ...inputShape], options]) =>
    operationCase({ operation, batch, inputShape }, { ...options, precision }),
  );
  const whole = fused.filter(
    ([, surroundings]) => precision === 'f32' || isStoredOnce(surroundings),
  );
  return [
    ...operations,
    ...whole.map(([shape, surroundings]) => fusedCase(shape, surroundings, precision)),
  ];
}

/** Whether nothing between input and output is stored: what f16 rounds once can be held to that. */
function isStoredOnce(surroundings: Surroundings): boolean {
  return surroundings !== 'with a sum that is read again';
}

type Row<Kind extends Operation = Operation> = readonly [
  operation: Kind,
  shape: Shape,
  options?: OperationCaseOptions | undefined,
];

const added = { accumulate: true };

// Input (N, C, H, W), output channels, kernel, stride.
const convolutionRows = (
  [
    [[2, 3, 9, 11], 16, 7, 2],
    [[1, 3, 8, 8], 10, 7, 1, added],
    [[2, 5, 7, 5], 7, 3, 1],
    [[2, 5, 7, 5], 7, 3, 2, added],
    [[3, 8, 6, 10], 12, 3, 2],
    [[1, 6, 13, 9], 9, 3, 2],
    [[2, 16, 5, 3], 10, 1, 1],
    [[2, 16, 5, 3], 10, 1, 1, added],
    [[2, 12, 9, 10], 20, 1, 2],
    [[1, 64, 2, 2], 64, 3, 1],
    [[1, 4, 1, 1], 4, 3, 2],
    [[3, 33, 17, 19], 35, 3, 1],
    [[2, 66, 15, 13], 70, 3, 2],
    [[1, 256, 2, 3], 128, 3, 1, added],
    // Rows enough for several chunks of a weight gradient, whose last vector is no filling.
    [[3, 8, 11, 13], 12, 3, 1, added],
    // A weight gradient summed over a single row goes into the gradient itself.
    [[1, 9, 1, 7], 13, 3, 1, added],
  ] as const
).map(([shape, outChannels, kernel, stride, options]): Row<Convolution> => [
  {
    ...names,
    kind: 'convolution',
    weight: 'weight',
    inChannels: shape[1],
    outChannels,
    kernel,
    stride,
    padding: (kernel - 1) / 2,
  },
  shape,
  options,
]);

// A stage takes the largest tiles; a device may do better with others, so all have to be right.
const convolutions = convolutionRows.flatMap(([operation, shape, options]) => {
  const otherTiles = Math.max(...Object.values(tileCounts(operation))) - 1;
  const tiles = [undefined, ...Array.from({ length: otherTiles }, (_, tile) => tile)];
  return tiles.map((tile): Row => [
    operation,
    shape,
    { ...options, ...(tile !== undefined && { tile }) },
  ]);
});

const batchNorms = (
  [
    [[1, 3, 1, 5]],
    [[5, 5, 7, 3], added],
    [[3, 10, 9, 8]],
    [[6, 9]],
    // Long enough for more than one chunk a thread of the kernels that join chunks.
    [[2, 4, 40, 41], added],
  ] as const
).map(([shape, options]): Row => [
  {
    ...names,
    kind: 'batchNorm',
    weight: 'weight',
    bias: 'bias',
    runningMean: 'running mean',
    runningVar: 'running variance',
    channels: shape[1],
    epsilon: 1e-5,
    momentum: 0.1,
  },
  shape,
  options,
]);

const fused: readonly (readonly [Shape, Surroundings])[] = [
  [[2, 5, 7, 3], 'alone'],
  [[1, 3, 1, 5], 'alone'],
  [[2, 4, 40, 41], 'alone'],
  [[3, 10, 9, 7], 'with the input added'],
  [[3, 6, 7, 5], 'with a sum that is read again'],
];

const relu = { ...names, kind: 'relu' } as const;
const add = { ...names, kind: 'add', other: 'other' } as const;

const elementwise: readonly Row[] = [
  [relu, [2, 5, 7, 3]],
  [relu, [3, 70], added],
  [relu, [3, 6, 5, 4], { ties: true }],
  [add, [2, 5, 3, 7]],
  [add, [3, 70], added],
  [add, [1, 64, 9, 8], added],
];

const maxPool = (kernel: number, stride: number, padding: number) =>
  ({ ...names, kind: 'maxPool', kernel, stride, padding }) as const;
const average = { ...names, kind: 'globalAveragePool' } as const;

const pools: readonly Row[] = [
  [maxPool(3, 2, 1), [2, 3, 7, 5]],
  [maxPool(3, 2, 1), [1, 64, 8, 10], added],
  [maxPool(3, 2, 1), [3, 6, 9, 7], { ties: true }],
  [maxPool(2, 2, 0), [5, 5, 6, 6]],
  [maxPool(3, 1, 1), [3, 10, 5, 4]],
  [maxPool(5, 3, 2), [2, 4, 9, 11]],
  [maxPool(2, 3, 0), [1, 2, 7, 7]],
  [average, [3, 5, 3, 1]],
  [average, [2, 70, 5, 7], added],
  [average, [2, 6, 1, 1]],
];

const padShortcut = (inChannels: number, outChannels: number, stride: number) =>
  ({ ...names, kind: 'padShortcut', inChannels, outChannels, stride }) as const;

const shortcuts: readonly Row[] = [
  [padShortcut(3, 9, 1), [2, 3, 4, 5]],
  [padShortcut(5, 9, 2), [2, 5, 7, 5]],
  [padShortcut(16, 32, 2), [3, 16, 8, 9], added],
];

const linears = (
  [
    [[1, 5], 3],
    [[3, 33], 10, added],
    [[7, 70], 101],
  ] as const
).map(([shape, outFeatures, options]): Row => [
  { ...names, kind: 'linear', weight: 'weight', bias: 'bias', inFeatures: shape[1], outFeatures },
  shape,
  options,
]);
