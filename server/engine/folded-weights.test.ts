import { expect, test } from 'vitest';
import { buildResNet } from '../../runtime/model/resnet';
import { OnnxEngine } from './onnx-engine';
import { normal, randomState, specOf } from './stage-fixture';

const { units } = buildResNet({ architecture: 'resnet20', numClasses: 3, stem: 'cifar' });
const spec = specOf(
  units.filter(({ name }) => name === 'layer2.0'),
  [16, 6, 5],
);
const input = normal([2, 16, 6, 5], 'input');

async function evaluated(state: ReturnType<typeof randomState>): Promise<Float32Array> {
  const engine = new OnnxEngine({ numThreads: 1 });
  await engine.load(spec);
  await engine.importState(state);
  const { data } = await engine.evaluate(input);
  await engine.dispose();
  return data;
}

test.each(['forward', 'optimizer', 'import'])(
  'weights are folded again after: %s',
  async (change) => {
    const engine = new OnnxEngine({ numThreads: 1 });
    await engine.load(spec);
    await engine.importState(randomState(spec.units));
    const before = (await engine.evaluate(input)).data;
    // The forward moves the running statistics, the optimizer the weights.
    const output = await engine.forward(0, input);
    await engine.backward(0, output);
    if (change !== 'forward') {
      await engine.evaluate(input);
      await engine.applyOptimizer({ learningRate: 0.1, step: 1 });
    }
    const state = await engine.exportState();
    if (change === 'import') {
      await engine.evaluate(input);
      for (const [name, tensor] of randomState(spec.units)) state.set(name, tensor);
      await engine.importState(state);
    }
    const after = (await engine.evaluate(input)).data;
    if (change === 'import') expect(after).toEqual(before);
    else expect(after).not.toEqual(before);
    expect(after).toEqual(await evaluated(state));
    await engine.dispose();
  },
);
