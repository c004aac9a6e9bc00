import { ConnectionClosedError } from '../protocol/connection';
import type { Lane } from './link';
import type { LinkPlatform, RequestLike } from './platform';
import { RecordReader } from './record';
import type { LaneHandlers } from './websocket-lane';

/** As many bytes a request carries at most, if they wait: Chromium is slow with less. */
const batchBytes = 4 * 1024 * 1024;
/** One is on its way while the other is answered. */
const maxRequests = 2;
/** After a request that broke before its answer; the host drops what it has already. */
const retryDelaysMs = [100, 400];
const goodbyeMs = 250;

/** Records in the bodies of requests, from the worker to the host. */
export class RequestLane implements Lane {
  readonly name = 'post';
  /** Called when a request was answered. */
  onDrained: () => void = () => undefined;
  readonly #url: string;
  readonly #platform: LinkPlatform;
  readonly #request: NonNullable<LinkPlatform['request']>;
  readonly #lost: (error: Error) => void;
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
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

  send(record: Uint8Array<ArrayBuffer>): void {
    if (this.#closed) return;
    this.#queue.push(record);
    this.#bufferedBytes += record.length;
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
      const batch: Uint8Array<ArrayBuffer>[] = [];
      let bytes = 0;
      while (bytes < batchBytes) {
        const record = this.#queue.shift();
        if (!record) break;
        batch.push(record);
        bytes += record.length;
      }
      this.#numPosting++;
      void this.#post(batch, bytes);
    }
  }

  async #post(batch: readonly Uint8Array<ArrayBuffer>[], bytes: number): Promise<void> {
    for (const delayMs of [...retryDelaysMs, undefined]) {
      const request = this.#request(this.#url, batch);
      try {
        const { ok, status } = await request.response;
        if (!ok) this.#lost(new ConnectionClosedError(`the host answered ${status}`));
        break;
      } catch (error) {
        if (delayMs === undefined) {
          const why = error instanceof Error ? error.message : String(error);
          this.#lost(new ConnectionClosedError(`a request failed: ${why}`));
        } else await new Promise<void>((resolve) => this.#platform.after(delayMs, resolve));
      } finally {
      }
    }
    this.#numPosting--;
    this.#bufferedBytes -= bytes;
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
    { take, lost }: LaneHandlers,
  ) {
    this.#platform = platform;
    this.#request = request(url);
    this.#read((record) => take(this, record)).catch((error: unknown) => {
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

  async #read(take: ConstructorParameters<typeof RecordReader>[0]): Promise<void> {
    const { ok, status, body } = await this.#request.response;
    if (!ok || !body) throw new ConnectionClosedError(`the host answered ${status}`);
    const records = new RecordReader(take);
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new ConnectionClosedError('the host ended the response');
      if (value) records.push(value);
    }
  }
}
