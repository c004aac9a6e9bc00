import type { RemoteWorker } from './remote-worker';
import type { WorkerLostError } from './worker-lost';

/** The workers that have joined and are still there, in the order in which they came. */
export class WorkerPool {
  onJoin: (worker: RemoteWorker) => void = () => undefined;
  onGone: (worker: RemoteWorker, error: WorkerLostError) => void = () => undefined;
  readonly #workers = new Set<RemoteWorker>();
  readonly #watchers = new Set<() => void>();
  #bytesOfGone = { sent: 0, received: 0 };

  get workers(): readonly RemoteWorker[] {
    return [...this.#workers];
  }

  /** Bytes over all connections so far, those of gone workers included. */
  get bytes(): { sent: number; received: number } {
    return this.workers.reduce(
      ({ sent, received }, worker) => ({
        sent: sent + worker.bytesSent,
        received: received + worker.bytesReceived,
      }),
      this.#bytesOfGone,
    );
  }

  /** A worker that was there over another connection is gone from that one, however it looks. */
  add(worker: RemoteWorker): void {
    for (const other of this.#workers) {
      if (other.instance === worker.instance) other.lose('it came back over another connection');
    }
    this.#workers.add(worker);
    this.onJoin(worker);
    for (const watcher of this.#watchers) watcher();
    void worker.gone.then((error) => {
      this.#workers.delete(worker);
      const { sent, received } = this.#bytesOfGone;
      this.#bytesOfGone = {
        sent: sent + worker.bytesSent,
        received: received + worker.bytesReceived,
      };
      this.onGone(worker, error);
    });
  }

  /** Resolves when `count` workers are there; rejects when `failure` does. */
  waitFor(count: number, failure: Promise<never>): Promise<void> {
    if (this.#workers.size >= count) return Promise.resolve();
    const joined = new Promise<void>((resolve) => {
      const watcher = (): void => {
        if (this.#workers.size < count) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
    return Promise.race([joined, failure]);
  }
}
