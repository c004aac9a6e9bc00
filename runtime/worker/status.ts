/** Why a worker can't compute; each has its own plain sentence on the page. */
export const failureReasons = [
  'no-secure-context',
  'no-webgpu',
  'no-adapter',
  'limits-too-small',
  'out-of-memory',
  'device-lost',
  'host-unreachable',
  'host-gone',
  'version-mismatch',
  'not-paired',
  'code-expired',
  'internal',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** What a worker is doing; the Web Worker posts each change to the page. */
export type WorkerStatus =
  | { readonly state: 'connecting'; readonly host: string }
  /** Joined; the host has no work for it yet, or is busy with its own part. */
  | { readonly state: 'waiting'; readonly device: string; readonly why: string }
  | {
      readonly state: 'loading';
      readonly device: string;
      /** The units of the stage, first to last: `layer3.0 … head`. */
      readonly units: string;
      readonly receivedBytes: number;
      readonly totalBytes: number;
    }
  | {
      readonly state: 'training' | 'evaluating';
      readonly device: string;
      readonly units: string;
      /** Steps done since the run began. */
      readonly step: number;
      /** Of the run. */
      readonly totalSteps: number;
      readonly imagesPerSecond: number;
      /** That the stage holds on the device. */
      readonly memoryBytes: number;
      /** Mean loss of the last step where this stage holds the head. */
      readonly loss: number | undefined;
      /** How much slower the device computes than at the start, 0.09 for 9%; it may be warm. */
      readonly slowdown: number | undefined;
    }
  | { readonly state: 'finished'; readonly message: string }
  | { readonly state: 'failed'; readonly reason: FailureReason; readonly detail: string };
