import type { StageEngine } from '../../runtime/engine';
import { requestDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { openTileStore } from './tile-store';
import type { StartOrder } from './worker-message';

export interface MadeEngine {
  readonly engine: StageEngine;
  /** Resolves to the reason when the graphics processor is lost. */
  readonly lost: Promise<string>;
  /** From here to `resume` the engine takes calls, but gives nothing to the graphics processor. */
  readonly pause: () => void;
  readonly resume: () => void;
}

/** Makes the engine that computes this page's share. */
export async function makeEngine({
  engine,
  memoryBytes,
  tilesMs,
}: StartOrder): Promise<MadeEngine> {
  if (engine === 'reference') {
    // Loaded only where it is asked for.
    const { ReferenceEngine } = await import('../../runtime/reference/engine');
    const nothing = (): void => undefined;
    const lost = new Promise<string>(nothing);
    return { engine: new ReferenceEngine(), lost, pause: nothing, resume: nothing };
  }
  const requested = await requestDevice(navigator.gpu);
  const made = new WebGpuEngine(
    {
      ...requested,
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(tilesMs !== undefined && { software: false }),
    },
    {
      store: await openTileStore(),
      now: () => performance.now(),
      ...(tilesMs !== undefined && { budget: tilesMs }),
    },
  );
  return {
    engine: made,
    lost: requested.device.lost.then(({ message }) => message),
    pause: () => {
      made.pause();
    },
    resume: () => {
      made.resume();
    },
  };
}
