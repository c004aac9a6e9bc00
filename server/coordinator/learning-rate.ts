/** How the learning rate moves over a run. */
export interface LearningRateConfig {
  readonly schedule: 'constant' | 'cosine';
  readonly peak: number;
  /** Steps of linear rise to the peak. */
  readonly warmupSteps: number;
}

/**
 * The learning rate of a step (from 1): a linear warm-up, then the peak held, or half a cosine
 * down to zero, which the step after the last one would have (Loshchilov and Hutter 2016, arXiv
 * 1608.03983, without restarts).
 */
export function learningRateAt(
  { schedule, peak, warmupSteps }: LearningRateConfig,
  step: number,
  totalSteps: number,
): number {
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  if (schedule === 'constant') return peak;
  const progress = (step - 1 - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return (peak / 2) * (1 + Math.cos(Math.PI * progress));
}
