/** Milliseconds of one piece of work, ours and PyTorch's. */
export interface Beside {
  readonly ms: number;
  readonly torchDefaultMs: number;
  readonly torchChannelsLastMs: number;
}

export interface Measured {
  readonly training: Beside;
  readonly inference: Beside;
  readonly fallback: Beside;
  readonly rssMb: { readonly ours: number; readonly torch: number };
  /** What each move of the cut took, as a share of a step. */
  readonly cutSteps: readonly number[];
}

/** The targets of docs/benchmark-host.md that these figures miss, each as a line. */
export function missedTargets(measured: Measured): string[] {
  const { training, inference, fallback, rssMb, cutSteps } = measured;
  const lines: string[] = [];
  const atLeast = (what: string, target: number, ratio: number): void => {
    if (!(ratio >= target)) {
      lines.push(`${what}: expected at least ${target}x, got ${ratio.toFixed(3)}x`);
    }
  };
  const atMost = (what: string, target: number, value: number): void => {
    if (!(value <= target)) {
      lines.push(`${what}: expected at most ${target}, got ${value.toFixed(3)}`);
    }
  };
  atLeast('training beside the default format', 1, training.torchDefaultMs / training.ms);
  atLeast('training beside channels_last', 0.9, training.torchChannelsLastMs / training.ms);
  atLeast('inference beside the default format', 1.2, inference.torchDefaultMs / inference.ms);
  atLeast('standard operators', 0.6, fallback.torchDefaultMs / fallback.ms);
  atMost('peak memory beside the default format', 1, rssMb.ours / rssMb.torch);
  atMost('moving the cut, in steps', 1, Math.max(...cutSteps));
  return lines;
}
