import type { CaseSet } from '../../runtime/verify/case-set';
import type { CaseResult } from '../../runtime/verify/run';
import type { DeviceLimits } from '../../runtime/webgpu/device';
import type { Failed } from '../device-page/failed';
import type { Kept } from '../device-page/post';

/** What the Web Worker tells the page. */
export type VerifyStatus =
  | {
      readonly state: 'ready';
      readonly device: string;
      readonly limits: DeviceLimits;
      readonly set: CaseSet;
      readonly total: number;
    }
  | { readonly state: 'running'; readonly op: string; readonly shape: string }
  | { readonly state: 'result'; readonly result: CaseResult }
  /** All cases are done, and the host has the report or has not. */
  | { readonly state: 'finished'; readonly ms: number; readonly kept: Kept }
  | Failed;
