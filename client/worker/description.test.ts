import { expect, test } from 'vitest';
import { failureReasons, type WorkerStatus } from '../../runtime/worker/status';
import { describe, type PageStatus } from './description';
import { failures } from './failure';

const device = 'Apple GPU';
const units = 'layer3.0 … head';
const training: WorkerStatus = {
  state: 'training',
  device,
  units,
  step: 127,
  totalSteps: 1560,
  imagesPerSecond: 34.21,
  memoryBytes: 293_753_944,
  loss: 1.23456,
  slowdown: 0.09,
};

test('training: step, images a second, loss, temperature, share, memory', () => {
  expect(describe(training)).toMatchObject({
    title: 'Training 127/1560 – Tandem',
    headline: 'Training',
    dial: { fraction: 127 / 1560, big: '127', small: 'of 1560 steps' },
    readouts: [
      { name: 'Images a second', value: '34.2' },
      { name: 'Loss', value: '1.2346' },
      { name: 'Temperature', value: 'Warm', note: '9% slower than at the start' },
    ],
    facts: [
      ['Share', units],
      ['Memory', '293.8 MB'],
      ['Device', device],
    ],
  });
});

test('training without a known loss or rate', () => {
  const { readouts } = describe({
    ...training,
    imagesPerSecond: 0,
    loss: undefined,
  });
  expect(readouts.map(({ name, value }) => [name, value])).toEqual([
    ['Images a second', '–'],
    ['Temperature', 'Warm'],
  ]);
});

test.each([
  [0, 0, 'Preparing', undefined, ''],
  [0, 81_900_000, 'Loading weights', 0, '0%'],
  [33_100_000, 81_900_000, 'Loading weights', 33.1 / 81.9, '40%'],
  [81_899_999, 81_900_000, 'Loading weights', 0.99999999, '99%'],
  [81_900_000, 81_900_000, 'Loading weights', 1, '100%'],
])('%d of %d bytes: %s %s', (receivedBytes, totalBytes, headline, fraction, big) => {
  const description = describe({ state: 'loading', device, units, receivedBytes, totalBytes });
  expect(description.headline).toBe(headline);
  expect(description.dial.big).toBe(big);
  if (fraction === undefined) expect(description.dial.fraction).toBeUndefined();
  else expect(description.dial.fraction).toBeCloseTo(fraction, 6);
});

test('waiting says why', () => {
  const why = 'The computer evaluates on its own.';
  expect(describe({ state: 'waiting', device, why }).sentence).toBe(why);
});

test('only the numbers change from step to step, not what is read aloud', () => {
  const { headline, sentence, remedy } = describe({ ...training, step: 128, loss: 1.1 });
  expect(describe(training)).toMatchObject({ headline, sentence, remedy });
});

test.each(failureReasons)('%s has words of its own and a remedy', (reason) => {
  const failed: PageStatus = { state: 'failed', reason, detail: 'the details' };
  const { headline, sentence, remedy, detail, mood } = describe(failed);
  expect(mood).toBe('problem');
  expect(detail).toBe('the details');
  expect(remedy).toMatch(/\.$/);
  const others = failureReasons.filter((other) => other !== reason).map((other) => failures[other]);
  expect(others.map((other) => other.headline)).not.toContain(headline);
  expect(others.map((other) => other.sentence)).not.toContain(sentence);
});

test('what tries again by itself can be stopped, what has ended can start again', () => {
  const action = (status: PageStatus) => describe(status).action;
  const failed = (reason: (typeof failureReasons)[number]) =>
    action({ state: 'failed', reason, detail: '' });
  const again = { kind: 'start', label: 'Start again' };
  expect(action(training).kind).toBe('stop');
  expect(action({ state: 'starting' }).kind).toBe('stop');
  expect(failed('host-gone').kind).toBe('stop');
  expect(failed('host-unreachable').kind).toBe('stop');
  expect(failed('device-lost')).toEqual(again);
  expect(failed('version-mismatch')).toEqual({ kind: 'reload', label: 'Reload' });
  expect(failed('no-webgpu').kind).toBe('reload');
  expect(action({ state: 'finished', message: '' })).toEqual(again);
  expect(action({ state: 'stopped' })).toEqual(again);
  expect(action({ state: 'ready', host: '' })).toEqual({ kind: 'start', label: 'Start' });
  expect(action({ state: 'given-up', host: '' }).kind).toBe('start');
});
