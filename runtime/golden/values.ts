import { elementCount, tensor, type Shape, type Tensor } from '../tensor';

/** How a tensor's values follow from its name; the formula stands in `values.py`. */
export interface Distribution {
  readonly scale: number;
  readonly offset: number;
  /** Values are `offset + scale * k`, k one of 0 … levels - 1; without it in ±scale. */
  readonly levels?: number;
}

/** The tensor that `values.py` makes of the same name, bit by bit. */
export function valuesOf(
  name: string,
  shape: Shape,
  { scale, offset, levels }: Distribution,
): Tensor {
  const hash = hashOf(name);
  const unit =
    levels === undefined
      ? (index: number) => hash(index) / 2 ** 23 - 1
      : (index: number) => Math.floor((hash(index) * levels) / 2 ** 24);
  const data = Float32Array.from(
    { length: elementCount(shape) },
    (_, index) => offset + scale * unit(index),
  );
  return tensor(shape, data);
}

export function labelsOf(name: string, count: number, classes: number): Int32Array {
  const hash = hashOf(name);
  return Int32Array.from({ length: count }, (_, index) =>
    Math.floor((hash(index) * classes) / 2 ** 24),
  );
}

/** The upper 24 bits of an index's hash. */
function hashOf(name: string): (index: number) => number {
  let seed = 0x811c9dc5;
  for (const character of name) {
    seed = Math.imul(seed ^ character.charCodeAt(0), 0x01000193);
  }
  const mixed = mix(seed);
  return (index) => mix(index ^ mixed) >>> 8;
}

function mix(value: number): number {
  let x = value ^ (value >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
