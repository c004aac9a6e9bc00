import type { Connection } from '../../../runtime/protocol/connection';
import type { WireTensor } from '../../../runtime/protocol/frame';
import { elementCount } from '../../../runtime/tensor';
import { tensorShape } from './contestant';

/** As many tensors wait at a time: the next is there when one has left. */
const numWaiting = 3;

/** Sends tensors one after another until the connection ends. */
export function keepSending(
  connection: Pick<Connection<never, never>, 'sendTensor'>,
  kind: 'activation' | 'gradient',
): void {
  const data = new Float32Array(elementCount(tensorShape));
  let microBatch = 0;
  const next = async (): Promise<void> => {
    for (;;) {
      const tensor: WireTensor = {
        kind,
        step: 1,
        microBatch: microBatch++,
        tensorId: 0,
        shape: tensorShape,
        dtype: 'f32',
        data,
      };
      await connection.sendTensor(tensor);
    }
  };
  // It rejects when the connection closes, which is the end.
  for (let each = 0; each < numWaiting; each++) next().catch(() => undefined);
}
