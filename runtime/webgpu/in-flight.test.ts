import { expect, test } from 'vitest';
import { EngineOrderError } from '../engine';
import { InFlight } from './in-flight';

test('a place is free again after the weight gradient', () => {
  const inFlight = new InFlight(2);
  expect(inFlight.begin(0)).toBe(0);
  expect(inFlight.begin(1)).toBe(1);
  expect(inFlight.beginBackward(0)).toBe(0);
  expect(() => inFlight.begin(2)).toThrow(
    'forward of micro-batch 2: at most 2 in flight, and 0, 1 wait for their backward',
  );
  expect(inFlight.end(0)).toBe(0);
  expect(inFlight.begin(2)).toBe(0);
});

test('each call has its turn', () => {
  const inFlight = new InFlight(2);
  expect(() => inFlight.beginBackward(0)).toThrow(EngineOrderError);
  inFlight.begin(0);
  expect(() => inFlight.begin(0)).toThrow('its backward has not run since its last forward');
  expect(() => inFlight.end(0)).toThrow(
    'backwardWeight of micro-batch 0: expected after its backwardInput',
  );
  inFlight.beginBackward(0);
  expect(() => inFlight.beginBackward(0)).toThrow(
    'backwardInput of micro-batch 0: expected after its forward',
  );
});
