import { expect, test } from 'vitest';
import { growthOf, slowdownOf, type MemorySample } from './verdict';

const flat: MemorySample = {
  step: 0,
  gpuBytes: 1000,
  gpuBuffers: 10,
  buffersMade: 12,
  pageHeapBytes: 4e6,
  workerHeapBytes: 6e6,
  residentBytes: 300e6,
};

/** Twelve samples; `change` gives what differs at one of them. */
function samplesWith(change: (index: number) => Partial<MemorySample>): MemorySample[] {
  return Array.from({ length: 12 }, (_, index) => ({ ...flat, ...change(index) }));
}

function grown(samples: readonly MemorySample[]): string[] {
  return growthOf(samples)
    .filter(({ isFlat }) => !isFlat)
    .map(({ quantity }) => quantity);
}

test('memory that is set up in the first quarter and then stays is flat', () => {
  expect(grown(samplesWith((index) => ({ gpuBytes: index < 3 ? 10 : 1000 })))).toEqual([]);
});

test('one buffer more is a leak, one made and freed each step, too', () => {
  expect(
    grown(samplesWith((index) => ({ gpuBytes: 1000 + index, gpuBuffers: 10 + index }))),
  ).toEqual(['gpuBytes', 'gpuBuffers']);
  expect(grown(samplesWith((index) => ({ buffersMade: 12 + 100 * index })))).toEqual([
    'buffersMade',
  ]);
});

test('100 kB of heap a sample are a leak, one large sample is none', () => {
  expect(grown(samplesWith((index) => ({ workerHeapBytes: 6e6 + 1e5 * index })))).toEqual([
    'workerHeapBytes',
  ]);
  expect(grown(samplesWith((index) => ({ pageHeapBytes: index === 10 ? 9e6 : 4e6 })))).toEqual([]);
});

test('a process may grow by a twentieth; where it can’t be read, nothing is said', () => {
  const at = (last: number) => samplesWith((i) => ({ residentBytes: i < 9 ? 300e6 : last }));
  expect(grown(at(314e6))).toEqual([]);
  expect(grown(at(316e6))).toEqual(['residentBytes']);
  const unread = growthOf(samplesWith(() => ({ residentBytes: undefined })));
  expect(unread.map(({ quantity }) => quantity)).not.toContain('residentBytes');
});

test('the last quarter’s time over the second’s', () => {
  expect(slowdownOf([9, 9, 2, 4, 5, 5, 3, 9])).toBe(2);
});
