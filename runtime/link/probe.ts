import { encodeFrame } from '../protocol/frame';
import { byteLength, type SendablePieces } from '../protocol/pieces';
import type { Lane } from './link';
import { encodeRecord } from './record';

/** Bytes on the way at the start: on a slow link they must not take longer than the measurement. */
const firstWindowBytes = 256 * 1024;
/** As much as the two requests up can hold, and what a tensor's credit lets on the way. */
const maxWindowBytes = 8 * 1024 * 1024;
const smallestProbeBytes = 64 * 1024;
const largestProbeBytes = 512 * 1024;

/** Payloads of zeros in frames as tensors have them, one for each size. */
const frames = new Map<number, SendablePieces>();

function probeFrame(bytes: number): SendablePieces {
  const known = frames.get(bytes);
  if (known) return known;
  const frame = encodeFrame({
    kind: 'state',
    dtype: 'i8',
    step: 0,
    microBatch: 0,
    tensorId: 0,
    shape: [bytes],
    byteOffset: 0,
    payload: new Uint8Array(bytes),
  });
  frames.set(bytes, frame);
  return frame;
}

/**
 * Fills lanes with probes. As many bytes as were acknowledged are added to what may be on the way,
 * so that a fast link is filled within milliseconds and a slow one holds nobody up.
 */
export class ProbeSender {
  readonly #run: number;
  readonly #lanes: readonly Lane[];
  #windowBytes = firstWindowBytes;
  #outstandingBytes = 0;
  #stopped = false;

  constructor(run: number, lanes: readonly Lane[]) {
    this.#run = run;
    this.#lanes = lanes;
  }

  /** Nothing is on the way any more. */
  get isDrained(): boolean {
    return this.#stopped && this.#outstandingBytes === 0;
  }

  start(): void {
    this.#fill();
  }

  /** Takes an acknowledgement; more than was sent is as if nothing were on the way. */
  took(bytes: number): void {
    this.#outstandingBytes = Math.max(0, this.#outstandingBytes - bytes);
    this.#windowBytes = Math.min(this.#windowBytes + bytes, maxWindowBytes);
    this.#fill();
  }

  stop(): void {
    this.#stopped = true;
  }

  #fill(): void {
    const ideal = this.#windowBytes / 8;
    const bytes = Math.min(Math.max(ideal, smallestProbeBytes), largestProbeBytes);
    const body = probeFrame(2 ** Math.floor(Math.log2(bytes)));
    const count = byteLength(body);
    while (!this.#stopped && this.#outstandingBytes + count <= this.#windowBytes) {
      const lane = this.#lanes.reduce((least, other) =>
        other.bufferedAmount() < least.bufferedAmount() ? other : least,
      );
      this.#outstandingBytes += count;
      lane.send(encodeRecord({ kind: 'probe', sequence: this.#run, body }));
    }
  }
}
