import { fromHalf } from '../half';
import { elementCount, formatShape, type Shape, type Tensor } from '../tensor';

/** Bytes of one element, by the names that safetensors gives the types. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof dtypeBytes;

/** A tensor as it lies in a file: little-endian, row-major. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** May be a view of the whole file. */
  readonly bytes: Uint8Array;
}

/** A tensor's type has no meaning where it was read. */
export class DtypeError extends Error {
  override readonly name = 'DtypeError';
}

export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(dtypeBytes, name);
}

/** A float32 tensor for a file; shares its memory. */
export function storeFloat32({ shape, data }: Tensor): StoredTensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { dtype: 'F32', shape, bytes };
}

/** A whole number of rank 0 as I64, as PyTorch keeps a batch norm's `num_batches_tracked`. */
export function storeInteger(value: number): StoredTensor {
  const bytes = new Uint8Array(new BigInt64Array([BigInt(value)]).buffer);
  return { dtype: 'I64', shape: [], bytes };
}

/** The whole number in a tensor of one I64 or I32; throws {@link DtypeError} for anything else. */
export function readInteger(what: string, { dtype, shape, bytes }: StoredTensor): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (elementCount(shape) === 1 && dtype === 'I64') return Number(view.getBigInt64(0, true));
  if (elementCount(shape) === 1 && dtype === 'I32') return view.getInt32(0, true);
  throw new DtypeError(
    `${what}: expected one whole number (I64 or I32), got ${dtype} ${formatShape(shape)}`,
  );
}

/**
 * The values as float32: a view without copying for aligned F32, otherwise a converted copy (F16
 * and BF16 exactly, F64 rounded to the nearest). Throws {@link DtypeError} for other types.
 */
export function readFloat32(what: string, { dtype, bytes }: StoredTensor): Float32Array {
  switch (dtype) {
    case 'F32': {
      const { buffer, byteOffset } = aligned(bytes, 4);
      return new Float32Array(buffer, byteOffset, bytes.byteLength / 4);
    }
    case 'F64': {
      const { buffer, byteOffset } = aligned(bytes, 8);
      return Float32Array.from(new Float64Array(buffer, byteOffset, bytes.byteLength / 8));
    }
    case 'BF16': {
      const bits = Uint32Array.from(uint16s(bytes), (half) => half << 16);
      return new Float32Array(bits.buffer);
    }
    case 'F16':
      return Float32Array.from(uint16s(bytes), fromHalf);
    default:
      throw new DtypeError(
        `${what}: expected floating-point numbers (F32, F16, BF16 or F64), got ${dtype}; save it as F32`,
      );
  }
}

/** The bytes, copied unless they can be viewed as a type of this alignment. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  // Not `slice`: a Node Buffer's makes a view.
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes);
}

function uint16s(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset } = aligned(bytes, 2);
  return new Uint16Array(buffer, byteOffset, bytes.byteLength / 2);
}
