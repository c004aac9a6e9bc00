import type { FailureReason } from '../../runtime/worker/status';
import { failureReason } from '../../runtime/worker/failure';

/** Why a device can't do what the page is for. */
export interface Failed {
  readonly state: 'failed';
  readonly reason: FailureReason;
  readonly detail: string;
}

/** An error that ended the work. */
export function failedBy(error: unknown): Failed {
  const detail = (error instanceof Error ? error.message : String(error)).slice(0, 2000);
  return { state: 'failed', reason: failureReason(error), detail };
}

/** What the host is told of it. */
export function failureMessage({ reason, detail }: Failed) {
  return { type: 'failure', reason, detail, agent: navigator.userAgent } as const;
}
