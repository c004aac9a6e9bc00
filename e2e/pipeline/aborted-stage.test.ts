import { expect, test } from 'vitest';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { LocalStage, type Transfer } from '../../runtime/pipeline/stage';
import { zeros } from '../../runtime/tensor';
import { planPipeline } from '../../server/coordinator/plan';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { smallRun } from './rig';

test('what the engine still computes of an aborted stage goes to nobody', async () => {
  const [first] = planPipeline(smallRun, ['layer2.1']).assignments;
  if (!first) throw new Error('expected a first stage');
  const stage = new LocalStage(new OnnxEngine({ numThreads: 1 }));
  const state = initialize(buildResNet(smallRun.model).units, smallRun.seed);
  const tensor = zeros([2, 3, 16, 16]);
  const sent: Transfer[] = [];
  stage.onSend = (transfer) => void sent.push(transfer);
  for (const work of [
    () => stage.evaluate(1, 2),
    () =>
      stage.step({ step: 1, actions: [{ stage: 0, kind: 'F', microBatch: 0 }], learningRate: 0 }),
  ]) {
    await stage.prepare(first);
    await stage.load(state);
    const done = work();
    stage.deliver({ kind: 'activation', step: 1, microBatch: 0, tensor });
    // The engine gets the input in between, and has its result after the abort.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    stage.abort(new Error('another stage is gone'));
    await done.catch(() => undefined);
    await stage.exportState();
  }
  expect(sent).toEqual([]);
});
