import { expect, test } from 'vitest';
import type { StageSpec } from '../engine';
import { countParameters } from '../model/graph';
import { buildResNet } from '../model/resnet';
import { iPhoneLimits } from './device';
import { expectRoom, StageMemoryError } from './device-memory';
import { totalBytes } from './memory-use';
import { layOutStage, type StageLayout } from './stage-layout';

// The stage that "iOS as Acceleration" put on a phone, whose app took over 1.2 GB for it.
const { units } = buildResNet({ architecture: 'resnet34', stem: 'imagenet', numClasses: 1000 });
const stage = units.slice(units.findIndex(({ name }) => name === 'layer3.3'));
const spec: StageSpec = {
  units: stage,
  inputShape: [256, 14, 14],
  microBatchSize: 16,
  numMicroBatches: 8,
  maxInFlight: 2,
  needsInputGradient: true,
  loss: { labelSmoothing: 0 },
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
};

const everyUnit = stage.map(({ name }) => name);

/** Counted without a device. */
function layOut(changed: Partial<StageSpec> = {}): StageLayout {
  return layOutStage({ ...spec, ...changed }, iPhoneLimits.maxStorageBufferBindingSize);
}

test('layer3.3 to the head, micro-batches of 16 at 224 x 224, two in flight', () => {
  const whole = layOut({ splitsBackward: false }).memory;
  // Tensors begin at multiples of 256 bytes, and the classifier's 1000 classes are 250 vectors.
  const parameters = 4 * countParameters(stage);
  for (const bytes of [whole.weights, whole.gradients, whole.optimizer]) {
    expect(bytes).toBeGreaterThanOrEqual(parameters);
    expect(bytes).toBeLessThan(1.001 * parameters);
  }
  expect(totalBytes(whole)).toBe(375_706_712);
  // Halves that come apart keep each micro-batch's output gradients.
  expect(totalBytes(layOut().memory)).toBe(433_509_464);
});

test('kept is what a gradient reads, and no more: nothing is left for working in place', () => {
  const { memory } = layOut({ splitsBackward: false });
  // Each block's convolutions (batch norm's gradient) and ReLUs (the next weight gradient); layer4.0
  // has one convolution more. Batch norm and sum are never stored.
  const values = 4 * 16 * ((1 + 3 * 4) * 256 * 14 * 14 + (5 + 2 * 4) * 512 * 7 * 7);
  const pooled = 4 * 16 * 512;
  const statistics = 8 * (6 * 256 + 7 * 512);
  const lossGradient = 4 * 16 * 1000;
  expect(memory.activations).toBe(2 * (values + pooled + statistics + lossGradient));
});

test('recomputation keeps what the units read, their statistics and the gradient of the loss', () => {
  const { memory } = layOut({ splitsBackward: false, recompute: everyUnit });
  const blocks = 4 * 16 * (4 * 256 * 14 * 14 + 3 * 512 * 7 * 7);
  const statistics = 8 * (6 * 256 + 7 * 512);
  const lossGradient = 4 * 16 * 1000;
  expect(memory.activations).toBe(2 * (blocks + statistics + lossGradient));
  expect(totalBytes(memory)).toBe(293_753_944);
  expect(totalBytes(layOut({ recompute: everyUnit }).memory)).toBe(351_818_840);
});

test('f16 halves what is stored of values, and nothing else', () => {
  const single = layOut({ splitsBackward: false }).memory;
  const half = layOut({ splitsBackward: false, precision: 'f16' }).memory;
  expect(half).toMatchObject({
    weights: single.weights,
    gradients: single.gradients,
    optimizer: single.optimizer,
    // Boundary gradients have a scale, and so sizes of their own.
    transfer: single.transfer + 256,
  });
  const statistics = 2 * 8 * (6 * 256 + 7 * 512);
  expect(half.activations - statistics).toBe((single.activations - statistics) / 2);
  expect(totalBytes(half)).toBe(308_173_656);
  const both = layOut({ splitsBackward: false, recompute: everyUnit, precision: 'f16' }).memory;
  expect(totalBytes(both)).toBe(267_197_272);
});

test('what does not fit is refused in one sentence that says what to do', () => {
  const whole = { ...spec, splitsBackward: false };
  const layout = layOut(whole);
  const bytes = totalBytes(layout.memory);
  const bufferBytes = iPhoneLimits.maxBufferSize;
  expect(() => expectRoom(whole, layout, { bufferBytes }, 'GPU')).not.toThrow();
  expect(() => expectRoom(whole, layout, { bufferBytes, totalBytes: bytes }, 'GPU')).not.toThrow();
  const refusal = (changed: Partial<StageSpec>, totalBytes: number): string => {
    try {
      const asked = { ...whole, ...changed };
      expectRoom(asked, layOut(asked), { bufferBytes, totalBytes }, 'a phone');
    } catch (error) {
      expect(error).toBeInstanceOf(StageMemoryError);
      return (error as StageMemoryError).message;
    }
    return '';
  };
  expect(refusal({}, bytes - 1)).toBe(
    'stage layer3.3 to head needs 376 MB (weights 69, gradients 69, optimizer 69, activations 126, workspace 15, transfer 30), a phone offers 376 MB; use --recompute always, a smaller --micro-batch or a later --cut',
  );
  expect(refusal({ recompute: everyUnit }, bytes - 1)).toBe('');
  expect(refusal({ recompute: everyUnit }, 200e6)).toMatch(
    /needs 294 MB \(.*\), a phone offers 200 MB; use a smaller --micro-batch or a later --cut$/,
  );
});
