import type { DeviceMemory, StageSpec } from '../engine';
import type { FailureReason } from '../worker/status';
import { describeMemory, megabytes, totalBytes } from './memory-use';
import type { StageLayout } from './stage-layout';

/** A stage needs more memory than the device gives; nothing was allocated. `reason` is the page's. */
export class StageMemoryError extends Error {
  override readonly name = 'StageMemoryError';
  readonly reason: Extract<FailureReason, 'limits-too-small' | 'out-of-memory'>;

  constructor(reason: StageMemoryError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What to do about a stage that is too large, in the order in which it costs least. */
function remedies({ recompute }: StageSpec): string {
  const others = 'a smaller --micro-batch or a later --cut';
  return recompute?.length ? `use ${others}` : `use --recompute always, ${others}`;
}

/**
 * @param device in words
 * @throws StageMemoryError when the stage does not fit into what the device offers
 */
export function expectRoom(
  spec: StageSpec,
  { memory, common, kept }: StageLayout,
  { bufferBytes, totalBytes: offered }: DeviceMemory,
  device: string,
): void {
  const tooLarge = [...common, ...kept].find(({ bytes }) => bytes > bufferBytes);
  if (tooLarge) {
    throw new StageMemoryError(
      'limits-too-small',
      `${stageOf(spec)}: '${tooLarge.label}' takes ${tooLarge.bytes} bytes in one buffer, ${device} allows ${bufferBytes}; use a smaller --micro-batch`,
    );
  }
  if (offered !== undefined && totalBytes(memory) > offered) {
    throw new StageMemoryError(
      'out-of-memory',
      `${stageOf(spec)} needs ${megabytes(totalBytes(memory))} MB (${describeMemory(memory)}), ${device} offers ${megabytes(offered)} MB; ${remedies(spec)}`,
    );
  }
}

function stageOf({ units }: StageSpec): string {
  const names = [units[0]?.name, units.length > 1 ? units.at(-1)?.name : undefined];
  return `stage ${names.filter((name) => name !== undefined).join(' to ')}`;
}
