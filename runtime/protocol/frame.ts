import type { Shape } from '../tensor';

/** What a tensor on the wire is; `state` ones are bulk traffic, the others pipeline traffic. */
export type FrameKind = 'activation' | 'gradient' | 'labels' | 'state' | 'output';
export type DType = 'f32' | 'f16' | 'i8' | 'i32';

/** Values in the machine's memory, by dtype; f16 as raw bits. */
export interface DTypeArrays {
  f32: Float32Array;
  f16: Uint16Array;
  i8: Int8Array;
  i32: Int32Array;
}

/** Which tensor it is. */
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

/** One message: a piece of a tensor. */
export interface Frame extends TensorAddress {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Where the payload stands in the tensor. */
  readonly byteOffset: number;
  readonly payload: Uint8Array;
}

export const maxPayloadBytes = 4 * 1024 * 1024;
/** The longest binary message: payload, fixed header, shape of rank 8. */
export const maxFrameBytes = maxPayloadBytes + 64;

/** One message; the payload is copied once. Throws ProtocolError when a field is out of range. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  void frame;
  throw new Error('not written yet');
}

/** The payload is a view of the message. Throws ProtocolError with a code for each wrong field. */
export function decodeFrame(message: Uint8Array): Frame {
  void message;
  throw new Error('not written yet');
}
