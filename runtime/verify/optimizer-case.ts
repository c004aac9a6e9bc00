import { optimizerSlots, type OptimizerConfig, type OptimizerStep } from '../engine';
import { adamw as referenceAdamw } from '../reference/adamw';
import { sgd as referenceSgd } from '../reference/sgd';
import { toFloat32, toFloat64, zeros64, type Tensor64 } from '../reference/tensor64';
import { allocate } from '../webgpu/memory';
import { adamw } from '../webgpu/operations/adamw';
import { sgd } from '../webgpu/operations/sgd';
import type { OptimizerMemory } from '../webgpu/optimizer';
import { runDispatches } from '../webgpu/run-dispatches';
import type { VerificationCase } from './case';
import { compare, type Comparison } from './comparison';
import { normal } from './values';

const learningRates = [0.1, 0.02, 0.3];

/** Three optimizer steps over `count` parameters; `name` is the optimizer in words. */
export function optimizerCase(
  name: string,
  config: OptimizerConfig,
  count: number,
): VerificationCase {
  return {
    op: name,
    shape: `${count} parameters, ${learningRates.length} steps`,
    against: 'float64',
    cost: 40 * count,
    async run({ device }) {
      const padded = Math.ceil(count / 4) * 4;
      const bytes = padded * 4;
      const dense = (key: string): Tensor64 => {
        const value = toFloat64(normal(`${name} ${count} ${key}`, [padded]));
        value.data.fill(0, count);
        return value;
      };
      const parameter = dense('parameter');
      const slots = optimizerSlots(config).map(() => zeros64([padded]));
      const held = [parameter, ...slots];
      const memory = {
        parameters: allocate('parameters', bytes),
        gradients: allocate('gradients', bytes),
        slots: slots.map((_, index) => allocate(`slot ${index}`, bytes)),
        step: allocate('step', 256),
        gradientScale: 1 / 8,
      };
      const regions = [memory.parameters, ...memory.slots];
      let actual = held.map((value) => toFloat32(value).data);
      let cleared: Float32Array | undefined;
      for (const [index, learningRate] of learningRates.entries()) {
        const optimizerStep = { learningRate, step: index + 1 };
        const gradient = dense(`gradient ${index}`);
        const { dispatches, encoded } = plan(config, memory, optimizerStep);
        [cleared, ...actual] = await runDispatches(
          device,
          dispatches,
          new Map([
            ...regions.map((region, at) => [region, actual[at] ?? new Float32Array(0)] as const),
            [memory.gradients, toFloat32(gradient).data.map((value) => 8 * value)],
            [memory.step, new Float32Array(encoded)],
          ]),
          [memory.gradients, ...regions],
        );
        reference(config, parameter, gradient, slots, optimizerStep);
      }
      const names = ['parameters', ...optimizerSlots(config)];
      return [
        ...held.map(({ data }, index): Comparison =>
          compare(names[index] ?? '', actual[index], data),
        ),
        compare('cleared gradient', cleared, new Float64Array(padded)),
      ];
    },
  };
}

function plan(config: OptimizerConfig, memory: OptimizerMemory, step: OptimizerStep) {
  return config.kind === 'adamw'
    ? { dispatches: adamw.dispatches(config, memory), encoded: adamw.encodeStep(config, step) }
    : { dispatches: sgd.dispatches(config, memory), encoded: sgd.encodeStep(config, step) };
}

function reference(
  config: OptimizerConfig,
  parameter: Tensor64,
  gradient: Tensor64,
  [first, second]: readonly Tensor64[],
  step: OptimizerStep,
): void {
  if (config.kind === 'sgd') referenceSgd(parameter, gradient, first, config, step.learningRate);
  else if (first && second) {
    referenceAdamw(parameter, gradient, { expAvg: first, expAvgSq: second }, config, step);
  }
}
