/*
 * Moving tensors between threads. A typed array may be a view of a larger buffer, one message of a
 * socket's pool for instance: posting it as it is would clone the whole buffer, and transferring it
 * would take the buffer from everyone else. So what goes to the engine is copied, exactly, once,
 * and the copy transferred: the caller keeps its tensors. A tensor that is given, as those are that
 * came over the wire, goes with the memory that it came in. What the engine returns is its own, and
 * is transferred without a copy.
 */

type Numbers = Float32Array | Int32Array;

/**
 * Headers of a record and a frame, before the values of an activation or a gradient. In a buffer
 * that begins with them, and ends with the values, there is no room for another tensor's frame.
 */
const maxHeaderBytes = 64;

/** A deep copy whose arrays have buffers of their own; `buffers` collects these. */
export function copyForTransfer(value: unknown, buffers: ArrayBuffer[]): unknown {
  return mapNumbers(value, (numbers, isGiven) => {
    const { buffer, byteOffset, byteLength } = numbers;
    const isAlone = byteOffset <= maxHeaderBytes && byteOffset + byteLength === buffer.byteLength;
    if (isGiven && isAlone && buffer instanceof ArrayBuffer) return move(numbers, buffer, buffers);
    const copy = numbers.slice();
    return move(copy, copy.buffer, buffers);
  });
}

/** The buffers of all arrays in the value, each once; an array that is a view is copied first. */
export function releaseForTransfer(value: unknown, buffers: ArrayBuffer[]): unknown {
  return mapNumbers(value, (numbers) => {
    const { buffer } = numbers;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === numbers.byteLength;
    if (!isWhole || buffers.includes(buffer)) return copyForTransfer(numbers, buffers) as Numbers;
    return move(numbers, buffer, buffers);
  });
}

function move(numbers: Numbers, buffer: ArrayBuffer, buffers: ArrayBuffer[]): Numbers {
  buffers.push(buffer);
  return numbers;
}

/** @param map gets each array, and whether it is that of a tensor that is given */
function mapNumbers(
  value: unknown,
  map: (numbers: Numbers, isGiven: boolean) => Numbers,
  isGiven = false,
): unknown {
  if (value instanceof Float32Array || value instanceof Int32Array) return map(value, isGiven);
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, mapNumbers(item, map)]));
  }
  if (Array.isArray(value)) return value.map((item) => mapNumbers(item, map));
  // Who has a tensor's memory now has no use for it here.
  if (typeof value === 'function') return undefined;
  if (typeof value === 'object' && value !== null) {
    const given = 'isGiven' in value && value.isGiven === true;
    const entries = Object.entries(value).map(([key, item]) => [key, mapNumbers(item, map, given)]);
    return Object.fromEntries(entries) as unknown;
  }
  return value;
}
