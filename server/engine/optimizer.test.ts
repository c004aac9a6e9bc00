import { expect, test } from 'vitest';
import { optimizerSlots, type OptimizerConfig } from '../../runtime/engine';
import { adamw } from '../../runtime/reference/adamw';
import { sgd } from '../../runtime/reference/sgd';
import { toFloat64, type Tensor64 } from '../../runtime/reference/tensor64';
import { optimize } from './optimizer';
import { normal, relativeError } from './stage-fixture';

const configs: [string, OptimizerConfig][] = [
  ['plain SGD', { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 }],
  ['SGD', { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.01 }],
  ['Nesterov SGD', { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 }],
  ['AdamW', { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 }],
];

test.each(configs)('%s: five steps as the float64 reference', (_name, config) => {
  const parameter = normal([37], 'parameter');
  const slots = new Map(optimizerSlots(config).map((slot) => [slot, new Float32Array(37)]));
  const expected = toFloat64(parameter);
  const expectedSlots = new Map<string, Tensor64>();
  for (const slot of slots.keys()) {
    expectedSlots.set(slot, { shape: [37], data: new Float64Array(37) });
  }
  for (let step = 1; step <= 5; step++) {
    const gradient = normal([37], `gradient ${step}`);
    const learningRate = 0.1 / step;
    const tensors = { parameter: parameter.data, gradient: gradient.data, slots };
    optimize(config, { learningRate, step }, tensors);
    if (config.kind === 'sgd') {
      const buffer = expectedSlots.get('momentum_buffer');
      sgd(expected, toFloat64(gradient), buffer, config, learningRate);
    } else {
      const averages = { expAvg: slot('exp_avg'), expAvgSq: slot('exp_avg_sq') };
      adamw(expected, toFloat64(gradient), averages, config, { learningRate, step });
    }
  }
  expect(relativeError(parameter, expected)).toBeLessThan(1e-6);
  for (const [name, data] of slots) {
    expect(relativeError({ shape: [37], data }, slot(name)), name).toBeLessThan(1e-6);
  }

  function slot(name: string): Tensor64 {
    const found = expectedSlots.get(name);
    if (!found) throw new Error(`expected the slot ${name}`);
    return found;
  }
});
