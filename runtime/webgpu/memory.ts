/**
 * GPU memory that a plan speaks of before it exists. Plans are made of such allocations first, so
 * that their bytes can be counted, shared and refused before the device is asked for any.
 */
export interface Allocation {
  readonly label: string;
  readonly bytes: number;
}

/** A part of an allocation; what a kernel binds. `offset` is a multiple of 256. */
export interface Region {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly bytes: number;
}

/** WebGPU's `minStorageBufferOffsetAlignment` and `minUniformBufferOffsetAlignment`. */
export const offsetAlignment = 256;

/** A new allocation as one region. */
export function allocate(label: string, bytes: number): Region {
  return { allocation: { label, bytes }, offset: 0, bytes };
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
