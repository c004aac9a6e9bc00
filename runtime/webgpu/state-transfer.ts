import { slotName } from '../engine';
import { elementCount, expectShape, ShapeError, type NamedTensors, type Tensor } from '../tensor';
import type { Region } from './memory';
import { StagingRing } from './readback';
import type { Stage } from './stage';
import type { ArenaMemory, TensorPlace } from './tensor-arena';

/** Moves a stage's tensors between torchvision's shapes and the GPU. */
export class StateTransfer {
  readonly #stage: Stage;
  readonly #staging: StagingRing;

  constructor(device: GPUDevice, stage: Stage) {
    this.#stage = stage;
    this.#staging = new StagingRing(device, stage.layout.staging.state);
  }

  /**
   * Writes parameters, running statistics and optimizer slots, and sets gradients to zero.
   *
   * @throws ShapeError before anything is written, for a missing tensor or one of a wrong shape
   */
  import(state: NamedTensors): void {
    const { parameters, statistics, slots } = this.#stage.plan.memory;
    const optional = [...slots].map(([slot, memory]) => [memory, slotPrefix(slot)] as const);
    for (const { arena } of [parameters, statistics]) {
      for (const { name, shape } of arena.places) {
        const held = state.get(name);
        if (!held) throw new ShapeError(`${name}: expected in the stage's state, not found`);
        expectShape(name, shape, held.shape);
      }
    }
    for (const [{ arena }, prefix] of optional) {
      for (const { name, shape } of arena.places) {
        const held = state.get(prefix(name));
        if (held) expectShape(prefix(name), shape, held.shape);
      }
    }
    for (const memory of [parameters, statistics]) this.#write(memory, state, (name) => name);
    for (const [memory, prefix] of optional) this.#write(memory, state, prefix);
    this.#stage.clearGradients();
  }

  #write(memory: ArenaMemory, state: NamedTensors, keyOf: (name: string) => string): void {
    for (const place of memory.arena.places) {
      const packed = new Float32Array(place.layout.bytes / 4);
      const held = state.get(keyOf(place.name));
      if (held) place.layout.pack(held.data, packed);
      this.#stage.write(regionOf(memory, place.part, place.offset, place.layout.bytes), packed);
    }
  }

  /** A copy of all that `import` takes. */
  async export(): Promise<NamedTensors> {
    const { parameters, statistics, slots } = this.#stage.plan.memory;
    const state: NamedTensors = new Map();
    await this.#read(parameters, state, (name) => name);
    await this.#read(statistics, state, (name) => name);
    for (const [slot, memory] of slots) await this.#read(memory, state, slotPrefix(slot));
    return state;
  }

  async exportGradients(): Promise<NamedTensors> {
    const gradients: NamedTensors = new Map();
    const { memory, lossScale } = this.#stage.plan;
    await this.#read(memory.gradients, gradients, (name) => name);
    if (lossScale === 1) return gradients;
    const unscaled = ({ shape, data }: Tensor): Tensor => ({
      shape,
      data: data.map((value) => value / lossScale),
    });
    return new Map([...gradients].map(([name, gradient]) => [name, unscaled(gradient)]));
  }

  async #read(
    memory: ArenaMemory,
    state: NamedTensors,
    keyOf: (name: string) => string,
  ): Promise<void> {
    for (const { part, start, end, places } of this.#windows(memory)) {
      const to = await this.#staging.acquire();
      this.#stage.copy([{ region: regionOf(memory, part, start, end - start), to }]);
      await this.#staging.read(
        to,
        (floats) => {
          for (const { name, shape, layout, offset } of places) {
            const data = new Float32Array(elementCount(shape));
            const first = (offset - start) / 4;
            layout.unpack(floats.subarray(first, first + layout.bytes / 4), data);
            state.set(keyOf(name), { shape, data });
          }
        },
        end - start,
      );
    }
  }

  /** Runs of whole tensors that fit into the staging buffer. */
  #windows({ arena }: ArenaMemory): Window[] {
    const windows: Window[] = [];
    for (const place of arena.places) {
      const end = place.offset + place.layout.bytes;
      const current = windows.at(-1);
      if (current?.part === place.part && end - current.start <= this.#staging.bytes) {
        current.end = end;
        current.places.push(place);
      } else {
        windows.push({ part: place.part, start: place.offset, end, places: [place] });
      }
    }
    return windows;
  }

  destroy(): void {
    this.#staging.destroy();
  }
}

interface Window {
  readonly part: number;
  readonly start: number;
  end: number;
  readonly places: TensorPlace[];
}

function slotPrefix(slot: string): (name: string) => string {
  return (name) => slotName(slot, name);
}

function regionOf({ parts }: ArenaMemory, part: number, offset: number, bytes: number): Region {
  const region = parts[part];
  if (!region) throw new Error(`the arena has no part ${part}`);
  return { allocation: region.allocation, offset, bytes };
}
