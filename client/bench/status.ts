import type { BenchmarkReport } from '../../runtime/bench/report';
import type { DeviceLimits } from '../../runtime/webgpu/device';
import type { Failed } from '../device-page/failed';
import type { Kept } from '../device-page/post';

/** What the Web Worker tells the page. */
export type BenchStatus =
  | {
      readonly state: 'ready';
      readonly device: string;
      readonly limits: DeviceLimits;
      readonly software: boolean;
    }
  | { readonly state: 'running'; readonly what: string; readonly fraction: number }
  /** All that is known; sent before the host is told, and before anything that may hang. */
  | { readonly state: 'report'; readonly report: BenchmarkReport }
  /** The person is to put the page into the background. */
  | { readonly state: 'asking' }
  /** Nothing more comes; the host has the report or has not. */
  | { readonly state: 'finished'; readonly kept: Kept }
  | Failed;

/** What the page tells the Web Worker: to start, and what became of the question. */
export type BenchOrder =
  | StartOrder
  | { readonly type: 'skip' }
  | { readonly type: 'hidden' }
  | { readonly type: 'shown'; readonly hiddenMs: number };

export interface StartOrder {
  readonly type: 'start';
  /** Whether a person is there to put the page into the background. */
  readonly ask: boolean;
  /** Of the link that the page was opened by; without one the device must be paired already. */
  readonly code: string | undefined;
}
