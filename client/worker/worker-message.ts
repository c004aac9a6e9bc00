import type { FailureReason, WorkerStatus } from '../../runtime/worker/status';

export interface StartOrder {
  readonly engine: EngineName;
  /** By which the host knows this page again. */
  readonly instance: string;
  /** Of the link that the page was opened by: it lets a new device in. */
  readonly code: string | undefined;
  /** All that the stage may take on the device; undefined where nobody knows. */
  readonly memoryBytes: number | undefined;
  /** Milliseconds to time kernels in, in software too; where undefined, on a real GPU alone. */
  readonly tilesMs: number | undefined;
}

/** What the page says to its Web Worker, which holds engine and link. */
export type ToWorker =
  | ({ readonly type: 'start' } & StartOrder)
  /** Opens a link to the host and joins. */
  | { readonly type: 'connect' }
  /** Drops the link unless it gives a sign of life soon. */
  | { readonly type: 'check-link' }
  /** Nothing is given to the graphics processor until the page is in sight again. */
  | { readonly type: 'hidden' | 'in-sight' }
  /** Tells the host that this device goes. */
  | { readonly type: 'leave' };

/** What the Web Worker says to the page. */
export type FromWorker =
  | { readonly type: 'engine-ready' | 'joined' }
  /** What carries the run's tensors, and how fast it was. */
  | { readonly type: 'transport'; readonly words: string }
  | { readonly type: 'link-lost'; readonly detail: string }
  | {
      readonly type: 'engine-lost' | 'failed';
      readonly reason: FailureReason;
      readonly detail: string;
    }
  | { readonly type: 'status'; readonly status: WorkerStatus };

/**
 * `webgpu`, or `reference`: float64 in JavaScript, far too slow to be of use, for a look at page
 * and link in a browser that has no WebGPU.
 */
export type EngineName = 'webgpu' | 'reference';

/** `?engine=reference` in the page's address. */
export function engineName(search: string): EngineName {
  return new URLSearchParams(search).get('engine') === 'reference' ? 'reference' : 'webgpu';
}

/** `?time-tiles=MS` in the page's address: so long at most, and without a graphics processor too. */
export function tilesMs(search: string): number | undefined {
  const text = new URLSearchParams(search).get('time-tiles');
  return text === null ? undefined : Number(text);
}
