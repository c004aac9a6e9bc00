import { formatShape } from '../tensor';
import { Assembler, defaultMaxTensorBytes } from './assembler';
import { ProtocolError } from './error';
import { decodeFrame, describeAddress, encodeFrame, tensorBytes } from './frame';
import type { FrameKind, WireTensor } from './frame';
import { MessageMemory } from './message-memory';

/*
 * Flow control. Each direction of a connection has two classes of traffic with credit of their
 * own, counted in payload bytes. The receiver gives credit back once it has taken a chunk out of
 * the socket, not when the tensor is used: if it waited for that, activations sent ahead of time
 * could hold the credit that the gradient needs for which the stage is waiting.
 * What a stage holds is bounded by its schedule instead.
 */

/** Pipeline: activations, gradients, labels, outputs. Bulk: state. */
export type TrafficClass = 'pipeline' | 'bulk';

/** Credit at the start of a connection, in payload bytes; part of the protocol. */
export const windowBytes: Readonly<Record<TrafficClass, number>> = {
  pipeline: 16 * 1024 * 1024,
  // What a gradient can have before it in the sockets: 60 ms of a cable that moves 35 MB/s.
  bulk: 2 * 1024 * 1024,
};

/** Browsers copy what they receive several times: from 256 KiB to 1 MiB is fastest in all. */
const pipelineChunkBytes = 512 * 1024;
const bulkChunkBytes = 256 * 1024;

/**
 * Credit is given back in amounts of at least this part of the window. In larger ones the two
 * directions take turns instead of flowing at once: each one's credit waits behind the other's data.
 */
const grantFraction = 1 / 16;

function trafficClassOf(kind: FrameKind): TrafficClass {
  return kind === 'state' ? 'bulk' : 'pipeline';
}

interface QueuedTensor {
  readonly tensor: WireTensor;
  readonly bytes: Uint8Array;
  sentBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface FrameSenderOptions {
  /**
   * Hands one binary message to the socket; it may throw where the socket is gone. `sent` is to be
   * called, if ever, when the message's memory may be written again.
   */
  readonly send: (message: Uint8Array<ArrayBuffer>, sent: () => void) => void;
  /**
   * Bytes that the socket has not sent yet. With it, the sender stops above `maxBufferedBytes`,
   * until the owner calls `pump` or credit comes.
   */
  readonly bufferedAmount?: () => number;
  /**
   * 2 MiB by default: what is behind it overtakes no more, credit for the other direction
   * included. It is more than both classes can have on the way without credit coming back for it
   * (a sixteenth of both windows), so that it comes even if nobody pumps.
   */
  readonly maxBufferedBytes?: number;
  /** The longest chunk of the pipeline class; 512 KiB by default. */
  readonly chunkBytes?: number;
  /** Bytes to leave free before each message in its memory; 0 by default. */
  readonly headroom?: number;
}

/**
 * Cuts tensors into chunks and sends them as credit allows: pipeline before bulk, within a class
 * in the order of the calls. So a gradient waits for at most one chunk of a checkpoint.
 */
export class FrameSender {
  readonly #send: FrameSenderOptions['send'];
  readonly #memory = new MessageMemory();
  readonly #bufferedAmount: () => number;
  readonly #maxBufferedBytes: number;
  readonly #headroom: number;
  readonly #chunkBytes: Readonly<Record<TrafficClass, number>>;
  readonly #credit = { ...windowBytes };
  readonly #queues: Readonly<Record<TrafficClass, QueuedTensor[]>> = { pipeline: [], bulk: [] };
  #closed: Error | undefined;
  #pumping = false;

  constructor({
    send,
    bufferedAmount,
    maxBufferedBytes,
    chunkBytes = pipelineChunkBytes,
    headroom = 0,
  }: FrameSenderOptions) {
    this.#send = send;
    this.#bufferedAmount = bufferedAmount ?? (() => 0);
    this.#maxBufferedBytes = maxBufferedBytes ?? 2 * 1024 * 1024;
    this.#headroom = headroom;
    this.#chunkBytes = { pipeline: chunkBytes, bulk: bulkChunkBytes };
  }

  /**
   * Resolves when the last chunk was handed to the socket; `data` must not change until then.
   * Rejects with the error of {@link close}, or with ProtocolError for a tensor that no frame can
   * carry.
   */
  sendTensor(tensor: WireTensor): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    const { buffer, byteOffset, byteLength } = tensor.data;
    if (byteLength !== tensorBytes(tensor)) {
      const error = new ProtocolError(
        'bad-shape',
        `${describeAddress(tensor)}: expected ${tensorBytes(tensor)} bytes for ` +
          `${tensor.dtype} ${formatShape(tensor.shape)}, got ${byteLength}`,
      );
      return Promise.reject(error);
    }
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return new Promise((resolve, reject) => {
      const queue = this.#queues[trafficClassOf(tensor.kind)];
      queue.push({ tensor, bytes, sentBytes: 0, resolve, reject });
      this.pump();
    });
  }

  /** Takes a `credit` message. Throws ProtocolError `bad-credit` for more than was sent. */
  grant(trafficClass: TrafficClass, bytes: number): void {
    const credit = this.#credit[trafficClass] + bytes;
    if (credit > windowBytes[trafficClass]) {
      throw new ProtocolError(
        'bad-credit',
        `${trafficClass} credit: expected at most the ` +
          `${windowBytes[trafficClass] - this.#credit[trafficClass]} bytes that were sent, got ${bytes}`,
      );
    }
    this.#credit[trafficClass] = credit;
    this.pump();
  }

  /** Sends what credit and the socket allow; for the owner to call when the socket has drained. */
  pump(): void {
    // `send` may answer at once, and come back here through `grant`.
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#bufferedAmount() <= this.#maxBufferedBytes) {
        if (!this.#sendChunk('pipeline') && !this.#sendChunk('bulk')) break;
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** Rejects all that waits and all that comes after; a second call changes nothing. */
  close(error: Error): void {
    this.#closed ??= error;
    for (const queue of Object.values(this.#queues)) {
      for (const { reject } of queue.splice(0)) reject(this.#closed);
    }
  }

  #sendChunk(trafficClass: TrafficClass): boolean {
    const queue = this.#queues[trafficClass];
    const [next] = queue;
    if (!next) return false;
    const { tensor, bytes, sentBytes } = next;
    const end = Math.min(sentBytes + this.#chunkBytes[trafficClass], bytes.length);
    if (end - sentBytes > this.#credit[trafficClass]) return false;

    let message: Uint8Array<ArrayBuffer>;
    try {
      const payload = bytes.subarray(sentBytes, end);
      const claim = (bytes: number): ArrayBuffer => this.#memory.take(bytes);
      message = encodeFrame({ ...tensor, byteOffset: sentBytes, payload }, this.#headroom, claim);
    } catch (error) {
      // Fails at a tensor's first chunk if at all, so the receiver has nothing unfinished.
      queue.shift();
      next.reject(error);
      return true;
    }
    this.#credit[trafficClass] -= end - sentBytes;
    next.sentBytes = end;
    try {
      this.#send(message, () => this.#memory.giveBack(message.buffer));
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    if (end === bytes.length) {
      queue.shift();
      next.resolve();
    }
    return true;
  }
}

export interface FrameReceiverOptions {
  /** Sends `{type: 'credit', class, bytes}` to the other end. */
  readonly grant: (trafficClass: TrafficClass, bytes: number) => void;
  /** 1 GiB by default. */
  readonly maxTensorBytes?: number;
}

/** Takes binary messages, gives credit back, and puts tensors together. */
export class FrameReceiver {
  readonly #grant: (trafficClass: TrafficClass, bytes: number) => void;
  readonly #assemblers: Readonly<Record<TrafficClass, Assembler>>;
  /** Payload bytes that the sender may still send. */
  readonly #credit = { ...windowBytes };
  /** Payload bytes that were taken and not yet given back. */
  readonly #owed = { pipeline: 0, bulk: 0 };

  constructor({ grant, maxTensorBytes = defaultMaxTensorBytes }: FrameReceiverOptions) {
    this.#grant = grant;
    this.#assemblers = {
      pipeline: new Assembler(maxTensorBytes),
      bulk: new Assembler(maxTensorBytes),
    };
  }

  /**
   * The tensor that this message completes, if it does; its data may be a view of the message.
   * Throws ProtocolError for a frame that the protocol does not allow, `bad-credit` for one that
   * was sent without credit; the connection can't go on then.
   */
  receive(message: Uint8Array): WireTensor | undefined {
    const frame = decodeFrame(message);
    const trafficClass = trafficClassOf(frame.kind);
    const bytes = frame.payload.length;
    if (bytes > this.#credit[trafficClass]) {
      throw new ProtocolError(
        'bad-credit',
        `${describeAddress(frame)}: expected at most ${this.#credit[trafficClass]} bytes, ` +
          `the ${trafficClass} credit that is left, got ${bytes}`,
      );
    }
    this.#credit[trafficClass] -= bytes;
    const tensor = this.#assemblers[trafficClass].add(frame);
    this.#owed[trafficClass] += bytes;
    this.#giveBack(trafficClass);
    return tensor;
  }

  #giveBack(trafficClass: TrafficClass): void {
    const bytes = this.#owed[trafficClass];
    if (bytes < windowBytes[trafficClass] * grantFraction) return;
    this.#owed[trafficClass] = 0;
    this.#credit[trafficClass] += bytes;
    this.#grant(trafficClass, bytes);
  }
}
