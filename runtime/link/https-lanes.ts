import { ConnectionClosedError } from '../protocol/connection';
import { byteLength, type SendablePieces } from '../protocol/pieces';
import type { Lane, LaneHandlers } from './link';
import type { LinkPlatform, RequestLike } from './platform';
import { RecordReader, type RecordHandlers } from './record';

/** As many bytes a request carries at most, if they wait: Chromium is slow with less. */
const batchBytes = 4 * 1024 * 1024;
/** One is on its way while the other is answered. */
const maxRequests = 2;
/** After a request that broke before its answer; the host drops what it has already. */
const retryDelaysMs = [100, 400];
const goodbyeMs = 250;

interface Queued {
  readonly record: SendablePieces;
  readonly sent?: () => void;
}

/** Records in the bodies of requests, from the worker to the host. */
export class RequestLane implements Lane {
  readonly name = 'post';
  /** Called when a request was answered. */
  onDrained: () => void = () => undefined;
  readonly #url: string;
  readonly #platform: LinkPlatform;
  readonly #request: NonNullable<LinkPlatform['request']>;
  readonly #lost: (error: Error) => void;
  readonly #queue: Queued[] = [];
  #numPosting = 0;
  #bufferedBytes = 0;
  #closed = false;

  constructor(
    url: string,
    platform: LinkPlatform,
    request: NonNullable<LinkPlatform['request']>,
    { lost }: Pick<LaneHandlers, 'lost'>,
  ) {
    this.#url = url;
    this.#platform = platform;
    this.#request = request;
    this.#lost = (error) => {
      if (this.#closed) return;
      this.#closed = true;
      lost(this, error);
    };
  }

  send(record: SendablePieces, sent?: () => void): void {
    if (this.#closed) return;
    this.#queue.push({ record, ...(sent && { sent }) });
    this.#bufferedBytes += byteLength(record);
    this.#flush();
  }

  bufferedAmount(): number {
    return this.#bufferedBytes;
  }

  /** Ends it once what waits has left; nothing is told that goes wrong from now on. */
  close(): void {
    this.#closed = true;
  }

  #flush(): void {
    while (this.#numPosting < maxRequests && this.#queue.length > 0) {
      const batch: Queued[] = [];
      let bytes = 0;
      while (bytes < batchBytes) {
        const queued = this.#queue.shift();
        if (!queued) break;
        batch.push(queued);
        bytes += byteLength(queued.record);
      }
      this.#numPosting++;
      void this.#post(batch, bytes);
    }
  }

  async #post(batch: readonly Queued[], bytes: number): Promise<void> {
    const body = batch.flatMap(({ record }) => record);
    for (const delayMs of [...retryDelaysMs, undefined]) {
      const request = this.#request(this.#url, body);
      try {
        const { ok, status } = await request.response;
        if (!ok) this.#lost(new ConnectionClosedError(`the host answered ${status}`));
        break;
      } catch (error) {
        if (delayMs === undefined) {
          const why = error instanceof Error ? error.message : String(error);
          this.#lost(new ConnectionClosedError(`a request failed: ${why}`));
        } else await new Promise<void>((resolve) => this.#platform.after(delayMs, resolve));
      }
    }
    this.#numPosting--;
    this.#bufferedBytes -= bytes;
    for (const { sent } of batch) sent?.();
    this.#flush();
    this.onDrained();
  }
}

/** Records in the body of one response that goes on, from the host to the worker. */
export class ResponseLane implements Lane {
  readonly name = 'get';
  readonly #platform: LinkPlatform;
  readonly #request: RequestLike;
  #closed = false;

  constructor(
    url: string,
    platform: LinkPlatform,
    request: NonNullable<LinkPlatform['request']>,
    { take, place, lost }: LaneHandlers,
  ) {
    this.#platform = platform;
    this.#request = request(url);
    this.#read({ take: (record) => take(this, record), place }).catch((error: unknown) => {
      if (this.#closed) return;
      this.#closed = true;
      lost(this, error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** It only goes down. */
  send(): void {
    throw new Error('a response carries nothing to the host');
  }

  bufferedAmount(): number {
    return 0;
  }

  close(): void {
    this.#closed = true;
    // The host takes the end of the response for the worker's: a goodbye on its way up comes first.
    this.#platform.after(goodbyeMs, () => this.#request.abort());
  }

  async #read(handlers: RecordHandlers): Promise<void> {
    const { ok, status, body } = await this.#request.response;
    if (!ok || !body) throw new ConnectionClosedError(`the host answered ${status}`);
    const records = new RecordReader(handlers);
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new ConnectionClosedError('the host ended the response');
      if (value) records.push(value);
    }
  }
}
