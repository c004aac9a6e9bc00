import { elementCount, formatShape, type Shape } from '../tensor';
import { ProtocolError } from './error';
import { protocolVersion } from './message';
import type { Pieces, SendablePieces } from './pieces';

/*
 * A binary message is a frame: a chunk of one tensor. All integers are little-endian; so are the
 * values, which views read in the machine's order (every machine with WebGPU is little-endian).
 *
 *     byte 0   magic 'TNDM'                  16  tensor id (u32)
 *     byte 4   version (u8)                  20  bytes of the whole tensor (u32)
 *     byte 5   kind (u8)                     24  where this payload starts in it (u32)
 *     byte 6   dtype (u8)                    28  bytes of this payload (u32)
 *     byte 7   rank (u8)                     32  shape (rank x u32), zeros up to a multiple of 16
 *     byte 8   step (u32)                    then the payload
 *     byte 12  micro-batch (u32)
 */

/** In the order of their codes, which count from 1. */
const kinds = ['activation', 'gradient', 'labels', 'state', 'output'] as const;
const dtypes = ['f32', 'f16', 'i8', 'i32'] as const;

export type FrameKind = (typeof kinds)[number];
export type DType = (typeof dtypes)[number];

/** Values in memory, by dtype; f16 as raw bits. */
interface DTypeArrays {
  f32: Float32Array;
  f16: Uint16Array;
  i8: Int8Array;
  i32: Int32Array;
}

export const bytesPerValue: Readonly<Record<DType, number>> = { f32: 4, f16: 2, i8: 1, i32: 4 };

/** Which tensor of a run it is. */
export interface TensorAddress {
  readonly kind: FrameKind;
  readonly step: number;
  /** 0 for `state`. */
  readonly microBatch: number;
  /** Index in the manifest for `state`, otherwise 0. */
  readonly tensorId: number;
}

/** A whole tensor as it is sent and received; `dtype` tells the type of `data`. */
export type WireTensor = TensorAddress & { readonly shape: Shape } & {
    [D in DType]: { readonly dtype: D; readonly data: DTypeArrays[D] };
  }[DType];

/** One binary message: a chunk of a tensor. */
export interface Frame extends TensorAddress {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Where the payload starts in the tensor. */
  readonly byteOffset: number;
  readonly payload: Uint8Array;
}

/** A payload starts at a multiple of this in its message, and a chunk in its tensor. */
const alignment = 16;
export const maxPayloadBytes = 4 * 1024 * 1024;

const magic = 0x4d444e54;
const fixedHeaderBytes = 32;
const maxRank = 8;
const maxU32 = 0xffff_ffff;

/** The longest header: the fixed part and a shape of rank 8. */
export const maxFrameHeaderBytes = fixedHeaderBytes + 4 * maxRank;
export const maxFrameBytes = maxFrameHeaderBytes + maxPayloadBytes;

/** Bytes of the whole tensor that the frame or tensor belongs to. */
export function tensorBytes({ dtype, shape }: Pick<Frame, 'dtype' | 'shape'>): number {
  return elementCount(shape) * bytesPerValue[dtype];
}

/** `gradient of step 3, micro-batch 1`, `state tensor 7 of step 3`: where an error happened. */
export function describeAddress({ kind, step, microBatch, tensorId }: TensorAddress): string {
  return kind === 'state'
    ? `state tensor ${tensorId} of step ${step}`
    : `${kind} of step ${step}, micro-batch ${microBatch}`;
}

/**
 * One message for the socket: a header, and the payload as it is. Throws {@link ProtocolError} for
 * the fields that {@link decodeFrame} would refuse.
 */
export function encodeFrame(
  frame: Frame & { readonly payload: Uint8Array<ArrayBuffer> },
): SendablePieces {
  checkFrame(frame, frame.payload.length);
  for (const number of ['step', 'microBatch', 'tensorId'] as const) {
    if (!isU32(frame[number])) {
      throw new ProtocolError(
        'unexpected',
        `frame: expected ${number} to be a whole number below 2^32, got ${frame[number]}`,
      );
    }
  }
  const { shape, payload } = frame;
  const memory = new Uint8Array(headerBytes(shape.length));
  const header = new DataView(memory.buffer);
  header.setUint32(0, magic, true);
  header.setUint8(4, protocolVersion);
  header.setUint8(5, kinds.indexOf(frame.kind) + 1);
  header.setUint8(6, dtypes.indexOf(frame.dtype) + 1);
  header.setUint8(7, shape.length);
  header.setUint32(8, frame.step, true);
  header.setUint32(12, frame.microBatch, true);
  header.setUint32(16, frame.tensorId, true);
  header.setUint32(20, tensorBytes(frame), true);
  header.setUint32(24, frame.byteOffset, true);
  header.setUint32(28, payload.length, true);
  shape.forEach((size, axis) => {
    header.setUint32(fixedHeaderBytes + 4 * axis, size, true);
  });
  return [memory, payload];
}

/** What stands before a payload. */
export interface FrameHeader extends Omit<Frame, 'payload'> {
  /** Where the payload starts in the message. */
  readonly payloadStart: number;
  readonly payloadBytes: number;
}

/**
 * The frame in a binary message of one piece, of which its payload is a view, or of two, its header
 * and its payload. Throws {@link ProtocolError} whose code tells which field is wrong.
 */
export function decodeFrame([start, rest]: Pieces): Frame {
  const first = start ?? new Uint8Array();
  const { payloadStart, payloadBytes, ...fields } = decodeFrameHeader(first);
  const payload = rest ?? first.subarray(payloadStart);
  expectBytes(
    `${payloadBytes} bytes of payload`,
    payloadStart + payloadBytes,
    payloadStart + payload.length,
  );
  if (payload.length > payloadBytes) {
    throw new ProtocolError(
      'oversize',
      `frame: expected ${payloadBytes} bytes of payload, got ${payload.length}`,
    );
  }
  return { ...fields, payload };
}

/** The header that a message begins with; throws {@link ProtocolError} as {@link decodeFrame}. */
export function decodeFrameHeader(message: Uint8Array): FrameHeader {
  const header = new DataView(message.buffer, message.byteOffset, message.byteLength);
  expectBytes('the fixed header', fixedHeaderBytes, message.length);
  if (header.getUint32(0, true) !== magic) {
    throw new ProtocolError(
      'bad-magic',
      `frame: expected magic 54 4e 44 4d ('TNDM'), got ${formatHex(message.subarray(0, 4))}`,
    );
  }
  const version = header.getUint8(4);
  if (version !== protocolVersion) {
    throw new ProtocolError(
      'bad-version',
      `frame: expected version ${protocolVersion}, got ${version}; reload the page, or bring both ends to one release`,
    );
  }
  const kind = lookUp('bad-kind', 'kind', kinds, header.getUint8(5));
  const dtype = lookUp('bad-dtype', 'dtype', dtypes, header.getUint8(6));
  const rank = header.getUint8(7);
  if (rank > maxRank) {
    throw new ProtocolError('bad-shape', `frame: expected rank 0 to ${maxRank}, got ${rank}`);
  }
  const payloadStart = headerBytes(rank);
  expectBytes(`the header of a tensor of rank ${rank}`, payloadStart, message.length);
  const payloadBytes = header.getUint32(28, true);
  const frame = {
    kind,
    dtype,
    step: header.getUint32(8, true),
    microBatch: header.getUint32(12, true),
    tensorId: header.getUint32(16, true),
    shape: Array.from({ length: rank }, (_, axis) =>
      header.getUint32(fixedHeaderBytes + 4 * axis, true),
    ),
    byteOffset: header.getUint32(24, true),
    payloadStart,
    payloadBytes,
  };
  checkFrame(frame, payloadBytes);
  const totalBytes = header.getUint32(20, true);
  if (totalBytes !== tensorBytes(frame)) {
    throw new ProtocolError(
      'bad-shape',
      `${describeAddress(frame)}: expected ${tensorBytes(frame)} bytes for ` +
        `${dtype} ${formatShape(frame.shape)}, got ${totalBytes}`,
    );
  }
  return frame;
}

/** The rules of the fields among one another; sender and receiver hold them alike. */
function checkFrame(frame: Omit<Frame, 'payload'>, payloadBytes: number): void {
  const { shape, byteOffset } = frame;
  const where = describeAddress(frame);
  if (shape.length > maxRank || !shape.every((size) => isU32(size) && size > 0)) {
    throw new ProtocolError(
      'bad-shape',
      `${where}: expected at most ${maxRank} sizes from 1 to 2^32 - 1, got ${formatShape(shape)}`,
    );
  }
  const totalBytes = tensorBytes(frame);
  if (totalBytes > maxU32) {
    throw new ProtocolError(
      'oversize',
      `${where}: expected less than 4 GiB, got ${totalBytes} bytes for ${formatShape(shape)}`,
    );
  }
  if (payloadBytes > maxPayloadBytes) {
    throw new ProtocolError(
      'oversize',
      `${where}: expected a payload of at most ${maxPayloadBytes} bytes, got ${payloadBytes}`,
    );
  }
  const end = byteOffset + payloadBytes;
  if (!isU32(byteOffset) || byteOffset % alignment !== 0 || payloadBytes === 0) {
    throw new ProtocolError(
      'bad-chunk',
      `${where}: expected a chunk at a multiple of ${alignment} bytes that is not empty, ` +
        `got ${payloadBytes} bytes at ${byteOffset}`,
    );
  }
  if (end > totalBytes || (end < totalBytes && end % alignment !== 0)) {
    throw new ProtocolError(
      'bad-chunk',
      `${where}: expected a chunk that ends at a multiple of ${alignment} bytes or at the end of ` +
        `the tensor, ${totalBytes}; got ${payloadBytes} bytes at ${byteOffset}`,
    );
  }
}

/** Where the payload starts behind a shape of this rank. */
function headerBytes(rank: number): number {
  return Math.ceil((fixedHeaderBytes + 4 * rank) / alignment) * alignment;
}

function expectBytes(what: string, expected: number, actual: number): void {
  if (actual < expected) {
    throw new ProtocolError(
      'truncated',
      `frame: expected ${expected} bytes up to the end of ${what}, got ${actual}`,
    );
  }
}

function lookUp<Name extends string>(
  code: 'bad-kind' | 'bad-dtype',
  field: string,
  names: readonly Name[],
  value: number,
): Name {
  const name = names[value - 1];
  if (name === undefined) {
    const known = names.map((known, index) => `${index + 1} (${known})`).join(', ');
    throw new ProtocolError(code, `frame: expected ${field} ${known}, got ${value}`);
  }
  return name;
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maxU32;
}

function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
