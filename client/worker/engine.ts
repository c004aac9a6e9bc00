import type { StageEngine } from '../../runtime/engine';
import { requestDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import type { StartOrder } from './worker-message';

/** A worker has no localStorage: what was timed is known until the page is closed. */
const tilesByKey = new Map<string, string>();
const tiles = {
  getItem: (key: string) => tilesByKey.get(key) ?? null,
  setItem: (key: string, value: string) => {
    tilesByKey.set(key, value);
  },
};

export interface MadeEngine {
  readonly engine: StageEngine;
  /** Resolves to the reason when the graphics processor is lost. */
  readonly lost: Promise<string>;
  /** From here to `resume` the engine takes calls, but gives nothing to the graphics processor. */
  readonly pause: () => void;
  readonly resume: () => void;
}

/** Makes the engine that computes this page's share. */
export async function makeEngine({ engine, memoryBytes }: StartOrder): Promise<MadeEngine> {
  if (engine === 'reference') {
    // Loaded only where it is asked for.
    const { ReferenceEngine } = await import('../../runtime/reference/engine');
    const nothing = (): void => undefined;
    const lost = new Promise<string>(nothing);
    return { engine: new ReferenceEngine(), lost, pause: nothing, resume: nothing };
  }
  const requested = await requestDevice(navigator.gpu);
  const made = new WebGpuEngine(
    { ...requested, ...(memoryBytes !== undefined && { memoryBytes }) },
    { store: tiles, now: () => performance.now() },
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
