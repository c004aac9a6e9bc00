import { setFlagsFromString } from 'node:v8';

/**
 * How much larger than after its last full collection the heap may get before the next one begins,
 * in percent. V8 counts memory outside of its heap as growth, and begins to mark a heap of 40 MB
 * again after 8 MB: the tensors of a hundredth of a second. So it never rests, where collecting
 * what is young would do (docs/benchmark-link.md).
 */
const growingPercent = 200;

/** Has the collector bear with many tensors a second; for the start of a process that is a host. */
export function expectTensors(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
