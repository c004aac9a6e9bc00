import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { optimizerSlots, type OptimizerConfig } from '../../engine';
import { adamw as referenceAdamw } from '../../reference/adamw';
import { normal64 } from '../../reference/finite-difference';
import { sgd as referenceSgd } from '../../reference/sgd';
import { toFloat32, type Tensor64 } from '../../reference/tensor64';
import { allocate } from '../memory';
import { largestError } from '../operation-error';
import { runDispatches } from '../run-dispatches';
import { adamw } from './adamw';
import { sgd } from './sgd';

const fixture = dawnFixture();
const numSteps = 4;
const learningRates = [0.1, 0.1, 0.02, 0.3];

// Not a whole number of workgroups; the last four are padding.
const count = 4 * 75;
const shape = [count];

const dense = (seed: number): Tensor64 => {
  const value = normal64(shape, seed);
  value.data.fill(0, count - 4);
  return value;
};

test.each<OptimizerConfig>([
  { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0.05 },
  { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.05 },
  { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0 },
  { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
])('four steps of %j', async (config) => {
  const parameter = dense(1);
  const slots = optimizerSlots(config).map(() => dense(0));
  for (const slot of slots) slot.data.fill(0);
  let actual = [parameter, ...slots].map((value) => toFloat32(value).data);
  for (let step = 1; step <= numSteps; step++) {
    const learningRate = learningRates[step - 1] ?? NaN;
    const gradient = dense(10 + step);
    const memory = {
      parameters: allocate('parameters', count * 4),
      gradients: allocate('gradients', count * 4),
      slots: slots.map((_, index) => allocate(`slot ${index}`, count * 4)),
      step: allocate('step', 256),
      gradientScale: 1 / 8,
    };
    const held = [memory.parameters, ...memory.slots];
    const [dispatches, encoded] =
      config.kind === 'adamw'
        ? [adamw.dispatches(config, memory), adamw.encodeStep(config, { learningRate, step })]
        : [sgd.dispatches(config, memory), sgd.encodeStep(config, { learningRate, step })];
    expect(dispatches).toHaveLength(1);
    const [cleared, ...moved] = await runDispatches(
      fixture.device,
      dispatches,
      new Map([
        ...held.map((region, index) => [region, actual[index] ?? new Float32Array()] as const),
        [memory.gradients, toFloat32(gradient).data.map((value) => 8 * value)],
        [memory.step, new Float32Array(encoded)],
      ]),
      [memory.gradients, ...held],
    );
    expect(cleared).toEqual(new Float32Array(count));
    actual = moved;

    const [first, second] = slots;
    if (config.kind === 'sgd') referenceSgd(parameter, gradient, first, config, learningRate);
    else if (first && second) {
      const averages = { expAvg: first, expAvgSq: second };
      referenceAdamw(parameter, gradient, averages, config, { learningRate, step });
    }
    [parameter, ...slots].forEach((expected, index) => {
      const data = actual[index] ?? new Float32Array();
      expect(largestError({ shape, data }, expected)).toBeLessThan(1e-6);
    });
  }
  expect([...(actual[0] ?? [])].slice(count - 4)).toEqual([0, 0, 0, 0]);
});
