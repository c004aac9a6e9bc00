import { failureReasons, type FailureReason } from './status';

/** Why an error stops a worker: errors that know carry a `reason`. */
export function failureReason(error: unknown): FailureReason {
  if (error instanceof Error && 'reason' in error) {
    const known = failureReasons.find((reason) => reason === error.reason);
    if (known) return known;
  }
  return 'internal';
}
