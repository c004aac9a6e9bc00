import type { Precision, StageSpec } from '../engine';
import type { Operation, Unit } from '../model/graph';
import { ReferenceStage } from '../reference/stage';
import { toFloat64 } from '../reference/tensor64';
import { elementCount, formatShape, type NamedTensors, type Shape } from '../tensor';
import { WebGpuEngine } from '../webgpu/engine';
import type { VerificationCase } from './case';
import { compare, type Comparison } from './comparison';
import { operationNames, opName } from './operation-case';
import { normal, storable, variances } from './values';

/** What stands around the batch norm and the ReLU that run as one. */
export type Surroundings = 'alone' | 'with the input added' | 'with a sum that is read again';

/**
 * Batch norm, a sum where there is one, and ReLU as a stage runs them, against the float64
 * reference: one unit of these operations alone, forward and backward. `shape` is (N, C, H, W) or
 * (N, C).
 */
export function fusedCase(
  shape: Shape,
  surroundings: Surroundings,
  precision: Precision = 'f32',
): VerificationCase {
  const op = opName(operationNames.batchNormRelu, precision);
  const words = `${formatShape(shape)}, ${surroundings}`;
  const [batch = 1, channels = 1] = shape;
  const unit = unitOf(operationsOf(surroundings, channels), channels);
  return {
    op,
    shape: words,
    against: 'float64',
    cost: 8 * elementCount(shape),
    async run(target) {
      const spec: StageSpec = {
        units: [unit],
        inputShape: shape.slice(1),
        microBatchSize: batch,
        numMicroBatches: 1,
        maxInFlight: 1,
        needsInputGradient: true,
        precision,
        optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
      };
      const key = `${op} ${words}`;
      const state = stateOf(unit, key);
      const input = storable(normal(`${key} input`, shape), precision);
      const outputGradient = storable(normal(`${key} output gradient`, shape), precision);
      const reference = new ReferenceStage(spec, state);
      const engine = new WebGpuEngine(target);
      try {
        await engine.load(spec);
        await engine.importState(state);
        const comparisons: Comparison[] = [];
        // An evaluation runs the operations one by one, and f16 rounds what is between them too.
        if (precision === 'f32') {
          const evaluated = await engine.evaluate(input);
          const expected = reference.evaluate(toFloat64(input));
          comparisons.push(compare('output in evaluation', evaluated.data, expected.data));
        }
        const output = await engine.forward(0, input);
        const expectedOutput = reference.forward(0, toFloat64(input));
        comparisons.push(compare('output', output.data, expectedOutput.data, precision));
        const gradient = await engine.backward(0, outputGradient);
        const expectedGradient = reference.backward(0, toFloat64(outputGradient));
        comparisons.push(
          compare('input gradient', gradient?.data, expectedGradient.data, precision),
        );
        const gradients = await engine.exportGradients();
        for (const [name, { data }] of reference.gradients) {
          comparisons.push(compare(`${name} gradient`, gradients.get(name)?.data, data));
        }
        const moved = await engine.exportState();
        for (const { name } of unit.buffers) {
          const buffer = reference.state.get(name);
          if (buffer) comparisons.push(compare(name, moved.get(name)?.data, buffer.data));
        }
        return comparisons;
      } finally {
        await engine.dispose();
      }
    },
  };
}

function operationsOf(surroundings: Surroundings, channels: number): Operation[] {
  const batchNorm: Operation = {
    kind: 'batchNorm',
    input: 'input',
    output: 'normalised',
    weight: 'weight',
    bias: 'bias',
    runningMean: 'running mean',
    runningVar: 'running variance',
    channels,
    epsilon: 1e-5,
    momentum: 0.1,
  };
  if (surroundings === 'alone') {
    return [batchNorm, { kind: 'relu', input: 'normalised', output: 'output' }];
  }
  if (surroundings === 'with the input added') {
    // The input's gradient through the sum is there before the one through the batch norm.
    return [
      batchNorm,
      { kind: 'add', input: 'normalised', other: 'input', output: 'sum' },
      { kind: 'relu', input: 'sum', output: 'output' },
    ];
  }
  // The shortcut's gradient from its last reader is there before the one through the sum.
  return [
    batchNorm,
    { kind: 'relu', input: 'input', output: 'shortcut' },
    { kind: 'add', input: 'normalised', other: 'shortcut', output: 'sum' },
    { kind: 'relu', input: 'sum', output: 'end' },
    { kind: 'add', input: 'end', other: 'shortcut', output: 'output' },
  ];
}

function unitOf(operations: readonly Operation[], channels: number): Unit {
  const owned = (names: readonly string[]) =>
    names.map((name) => ({
      name,
      shape: [channels],
      initialization: { kind: 'constant', value: 0 } as const,
    }));
  return {
    name: 'verify',
    operations,
    output: 'output',
    parameters: owned(['weight', 'bias']),
    buffers: owned(['running mean', 'running variance']),
  };
}

function stateOf({ parameters, buffers }: Unit, key: string): NamedTensors {
  return new Map(
    [...parameters, ...buffers].map(({ name, shape }) => [
      name,
      (name === 'running variance' ? variances : normal)(`${key} ${name}`, shape),
    ]),
  );
}
