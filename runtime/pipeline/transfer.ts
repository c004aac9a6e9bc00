import { ProtocolError } from '../protocol/error';
import type { WireTensor } from '../protocol/frame';
import type { Transfer } from './stage';

/** A transfer as it crosses the wire: f32 tensors, i32 labels. */
export function toWire(transfer: Transfer): WireTensor {
  const { kind, step, microBatch } = transfer;
  const address = { kind, step, microBatch, tensorId: 0 };
  if (transfer.kind === 'labels') {
    const { labels } = transfer;
    return { ...address, shape: [labels.length], dtype: 'i32', data: labels };
  }
  const { shape, data } = transfer.tensor;
  return { ...address, shape, dtype: 'f32', data };
}

/**
 * A tensor that came over the wire; nobody else has it.
 * @param release {@link Tensor.release}
 * @throws ProtocolError for a dtype that its kind does not have, and for state
 */
export function fromWire(tensor: WireTensor, release?: () => void): Transfer {
  const { kind, step, microBatch, shape } = tensor;
  if (kind === 'labels' && tensor.dtype === 'i32') {
    return { kind, step, microBatch, labels: tensor.data };
  }
  if (kind !== 'labels' && kind !== 'state' && tensor.dtype === 'f32') {
    const given = { shape, data: tensor.data, isGiven: true, ...(release && { release }) } as const;
    return { kind, step, microBatch, tensor: given };
  }
  throw new ProtocolError(
    'unexpected',
    `step ${step}, micro-batch ${microBatch}: a ${kind} of ${tensor.dtype} has no place here; expected f32 tensors and i32 labels`,
  );
}
