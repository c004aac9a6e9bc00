/**
 * What a stage does with a micro-batch, in PyTorch's letters: F forward, B the whole backward,
 * I the gradient of the input, W the gradient of the weights (B is I then W).
 */
export type ActionKind = 'F' | 'B' | 'I' | 'W';

export interface Action {
  readonly stage: number;
  readonly kind: ActionKind;
  readonly microBatch: number;
}

/** The text is not an action such as `2F0`. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
}

/** An action as people and control messages write it: stage, kind, micro-batch (`2F0`). */
export function formatAction({ stage, kind, microBatch }: Action): string {
  return `${stage}${kind}${microBatch}`;
}

/** The action that {@link formatAction} wrote; throws {@link ActionError} for any other text. */
export function parseAction(text: string): Action {
  const [, stage, kind, microBatch] = /^(0|[1-9]\d{0,5})([FBIW])(0|[1-9]\d{0,5})$/.exec(text) ?? [];
  if (stage === undefined || kind === undefined || microBatch === undefined) {
    throw new ActionError(
      `expected an action of stage, F, B, I or W, and micro-batch, such as '2F0', ` +
        `got '${text.slice(0, 40)}'`,
    );
  }
  return { stage: Number(stage), kind: kind as ActionKind, microBatch: Number(microBatch) };
}
