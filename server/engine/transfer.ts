/*
 * Moving tensors between threads. A typed array may be a view of a larger buffer, one message of a
 * socket's pool for instance: posting it as it is would clone the whole buffer, and transferring it
 * would take the buffer from everyone else. So what goes to the engine is copied, exactly, once,
 * and the copy transferred: the caller keeps its tensors. What the engine returns is its own, and
 * is transferred without a copy.
 */

type Numbers = Float32Array | Int32Array;

/** A deep copy whose arrays own their buffers; `buffers` collects these. */
export function copyForTransfer(value: unknown, buffers: ArrayBuffer[]): unknown {
  return mapNumbers(value, (numbers) => {
    const copy = numbers.slice();
    buffers.push(copy.buffer);
    return copy;
  });
}

/** The buffers of all arrays in the value, each once; an array that is a view is copied first. */
export function releaseForTransfer(value: unknown, buffers: ArrayBuffer[]): unknown {
  return mapNumbers(value, (numbers) => {
    const { buffer } = numbers;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === numbers.byteLength;
    if (!isWhole || buffers.includes(buffer)) return copyForTransfer(numbers, buffers) as Numbers;
    buffers.push(buffer);
    return numbers;
  });
}

function mapNumbers(value: unknown, map: (numbers: Numbers) => Numbers): unknown {
  if (value instanceof Float32Array || value instanceof Int32Array) return map(value);
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, mapNumbers(item, map)]));
  }
  if (Array.isArray(value)) return value.map((item) => mapNumbers(item, map));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, mapNumbers(item, map)]);
    return Object.fromEntries(entries) as unknown;
  }
  return value;
}
