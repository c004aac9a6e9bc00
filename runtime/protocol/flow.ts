import type { WireTensor } from './frame';

/** Pipeline: activations, gradients, labels, outputs. Bulk: state. Each has its own credit. */
export type TrafficClass = 'pipeline' | 'bulk';

export interface FrameSenderOptions {
  /** Hands one binary message to the socket. */
  readonly send: (message: Uint8Array<ArrayBuffer>) => void;
  /** Bytes that the socket has not sent yet; with it, the sender waits above `maxBufferedBytes`. */
  readonly bufferedAmount?: () => number;
  readonly maxBufferedBytes?: number;
}

/** Cuts tensors into chunks and sends them as credit allows, pipeline before bulk. */
export class FrameSender {
  constructor(options: FrameSenderOptions) {
    void options;
  }

  /**
   * Resolves when the last chunk was handed to the socket; `data` must not change until then.
   * Rejects with the error of `close`.
   */
  sendTensor(tensor: WireTensor): Promise<void> {
    void tensor;
    return Promise.reject(new Error('not written yet'));
  }

  /** Takes a `credit` message of the receiver. Throws ProtocolError when it is more than was sent. */
  grant(trafficClass: TrafficClass, bytes: number): void {
    void trafficClass;
    void bytes;
  }

  /** Sends what credit and the socket allow; the owner calls it when the socket has drained. */
  pump(): void {
    return;
  }

  /** Rejects what waits and all that comes after. */
  close(error: Error): void {
    void error;
  }
}

export interface FrameReceiverOptions {
  /** Sends `{type: 'credit', class, bytes}` to the other end. */
  readonly grant: (trafficClass: TrafficClass, bytes: number) => void;
  readonly maxTensorBytes?: number;
}

/** Takes binary messages, returns credit, and gives whole tensors. */
export class FrameReceiver {
  constructor(options: FrameReceiverOptions) {
    void options;
  }

  /** The tensor that this message completes, if any. Throws ProtocolError. */
  receive(message: Uint8Array): WireTensor | undefined {
    void message;
    throw new Error('not written yet');
  }
}
