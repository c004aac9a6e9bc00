import { formatShape } from '../tensor';
import { Assembler, defaultMaxTensorBytes } from './assembler';
import { ProtocolError } from './error';
import { decodeFrame, decodeFrameHeader, describeAddress, encodeFrame } from './frame';
import { tensorBytes, type FrameHeader, type FrameKind, type WireTensor } from './frame';
import type { Pieces, SendablePieces } from './pieces';

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
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Handed to the socket. */
  sentBytes: number;
  /** Of these, those whose memory it still reads. */
  busyBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface FrameSenderOptions {
  /**
   * Hands one binary message to the socket; it may throw where the socket is gone. `sent` is to be
   * called when the socket does not read the message's memory any more, at once where it copies.
   */
  readonly send: (message: SendablePieces, sent: () => void) => void;
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
}

/**
 * Cuts tensors into chunks and sends them as credit allows: pipeline before bulk, within a class
 * in the order of the calls. So a gradient waits for at most one chunk of a checkpoint.
 */
export class FrameSender {
  readonly #send: FrameSenderOptions['send'];
  readonly #bufferedAmount: () => number;
  readonly #maxBufferedBytes: number;
  readonly #chunkBytes: Readonly<Record<TrafficClass, number>>;
  readonly #credit = { ...windowBytes };
  readonly #queues: Readonly<Record<TrafficClass, QueuedTensor[]>> = { pipeline: [], bulk: [] };
  /** All chunks were handed to the socket, which still reads some. */
  readonly #leaving = new Set<QueuedTensor>();
  #closed: Error | undefined;
  #pumping = false;

  constructor({
    send,
    bufferedAmount,
    maxBufferedBytes,
    chunkBytes = pipelineChunkBytes,
  }: FrameSenderOptions) {
    this.#send = send;
    this.#bufferedAmount = bufferedAmount ?? (() => 0);
    this.#maxBufferedBytes = maxBufferedBytes ?? 2 * 1024 * 1024;
    this.#chunkBytes = { pipeline: chunkBytes, bulk: bulkChunkBytes };
  }

  /**
   * Resolves when the last chunk has left; `data` must not change until then.
   * Rejects with the error of {@link close}, or with ProtocolError for a tensor that no frame can
   * carry.
   */
  sendTensor(tensor: WireTensor): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    const { byteLength } = tensor.data;
    if (byteLength !== tensorBytes(tensor)) {
      const error = new ProtocolError(
        'bad-shape',
        `${describeAddress(tensor)}: expected ${tensorBytes(tensor)} bytes for ` +
          `${tensor.dtype} ${formatShape(tensor.shape)}, got ${byteLength}`,
      );
      return Promise.reject(error);
    }
    const bytes = bytesOf(tensor.data);
    return new Promise((resolve, reject) => {
      const queue = this.#queues[trafficClassOf(tensor.kind)];
      queue.push({ tensor, bytes, sentBytes: 0, busyBytes: 0, resolve, reject });
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
    for (const { reject } of this.#leaving) reject(this.#closed);
    this.#leaving.clear();
  }

  #sendChunk(trafficClass: TrafficClass): boolean {
    const queue = this.#queues[trafficClass];
    const [next] = queue;
    if (!next) return false;
    const { tensor, bytes, sentBytes } = next;
    const end = Math.min(sentBytes + this.#chunkBytes[trafficClass], bytes.length);
    const count = end - sentBytes;
    if (count > this.#credit[trafficClass]) return false;

    let message: SendablePieces;
    try {
      const payload = bytes.subarray(sentBytes, end);
      message = encodeFrame({ ...tensor, byteOffset: sentBytes, payload });
    } catch (error) {
      // Fails at a tensor's first chunk if at all, so the receiver has nothing unfinished.
      queue.shift();
      next.reject(error);
      return true;
    }
    this.#credit[trafficClass] -= count;
    next.sentBytes = end;
    next.busyBytes += count;
    if (end === bytes.length) {
      queue.shift();
      this.#leaving.add(next);
    }
    try {
      this.#send(message, () => this.#hasLeft(next, count));
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    return true;
  }

  #hasLeft(tensor: QueuedTensor, bytes: number): void {
    tensor.busyBytes -= bytes;
    if (tensor.busyBytes > 0 || !this.#leaving.delete(tensor)) return;
    tensor.resolve();
  }
}

/** Sockets do not take memory that is shared: that is copied. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
}

export interface FrameReceiverOptions {
  /** Sends `{type: 'credit', class, bytes}` to the other end. */
  readonly grant: (trafficClass: TrafficClass, bytes: number) => void;
  /** 1 GiB by default. */
  readonly maxTensorBytes?: number;
}

/** Memory for the payload of a message that is on its way. */
export interface Place {
  /** Where the payload starts in the message. */
  readonly payloadStart: number;
  readonly memory: Uint8Array<ArrayBuffer>;
}

/** Where the payload of a frame that begins like this goes, if it has a place. */
export type PlaceFrame = (start: Uint8Array) => Place | undefined;

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
   * Where the payload of a message that begins like this is to be put, so that its tensor is put
   * together without a copy; undefined where it has no place yet, or is none that may come.
   */
  place(start: Uint8Array): Place | undefined {
    let header: FrameHeader;
    try {
      header = decodeFrameHeader(start);
    } catch {
      // It is refused once it has come.
      return undefined;
    }
    const trafficClass = trafficClassOf(header.kind);
    if (header.payloadBytes > this.#credit[trafficClass]) return undefined;
    const memory = this.#assemblers[trafficClass].place(header);
    return memory && { payloadStart: header.payloadStart, memory };
  }

  /**
   * The tensor that this message completes, if it does; its data may be a view of the message.
   * Throws ProtocolError for a frame that the protocol does not allow, `bad-credit` for one that
   * was sent without credit; the connection can't go on then.
   */
  receive(message: Pieces): WireTensor | undefined {
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

  /** Takes the memory of a tensor that came from here, and that nobody reads any more. */
  release({ kind, data }: Pick<WireTensor, 'kind' | 'data'>): void {
    this.#assemblers[trafficClassOf(kind)].giveBack(data);
  }

  #giveBack(trafficClass: TrafficClass): void {
    const bytes = this.#owed[trafficClass];
    if (bytes < windowBytes[trafficClass] * grantFraction) return;
    this.#owed[trafficClass] = 0;
    this.#credit[trafficClass] += bytes;
    this.#grant(trafficClass, bytes);
  }
}
