import type { WorkerStatus } from '../../runtime/worker/status';

/** What the page can see of its browser before anything starts. */
export interface Surroundings {
  readonly isSecureContext: boolean;
  readonly hasWebGpu: boolean;
  /** Where the page came from: `http://172.20.10.2:4170`. */
  readonly origin: string;
}

/** Why this browser can't be a worker here; undefined when the engine may start. */
export function findObstacle(surroundings: Surroundings): WorkerStatus | undefined {
  const { isSecureContext, hasWebGpu, origin } = surroundings;
  // First: without a secure context every browser hides WebGPU, new enough or not.
  if (!isSecureContext) return { state: 'failed', reason: 'no-secure-context', detail: origin };
  if (!hasWebGpu) {
    return { state: 'failed', reason: 'no-webgpu', detail: 'navigator.gpu is missing' };
  }
  return undefined;
}
