import {
  elementCount,
  expectShape,
  formatShape,
  type NamedTensors,
  type Shape,
  type Tensor,
} from '../tensor';
import { ProtocolError } from './error';
import type { WireTensor } from './frame';
import type { Manifest } from './message';

/** Names and shapes of a state, in its order; tensor ids are positions in this list. */
export function manifestOf(state: NamedTensors): Manifest {
  return [...state].map(([name, { shape }]) => ({ name, shape: [...shape] }));
}

/**
 * Checks an announced state against the names and shapes that it must have, in any order.
 * @param place where it came from, for the message
 * @throws ProtocolError for a tensor that is missing, doubled or not known; ShapeError for a shape
 */
export function expectManifest(
  place: string,
  expected: ReadonlyMap<string, Shape>,
  manifest: Manifest,
): void {
  const announced = new Set<string>();
  for (const { name, shape } of manifest) {
    const expectedShape = expected.get(name);
    if (!expectedShape || announced.has(name)) {
      throw new ProtocolError(
        'unexpected',
        `${place}: expected ${expected.size} tensors, each once, got ${announced.has(name) ? 'a second' : 'also a'} '${name}' (${formatShape(shape)})`,
      );
    }
    expectShape(`${place}: '${name}'`, expectedShape, shape);
    announced.add(name);
  }
  const missing = [...expected.keys()].find((name) => !announced.has(name));
  if (missing !== undefined) {
    throw new ProtocolError(
      'unexpected',
      `${place}: expected ${expected.size} tensors, got ${manifest.length}, without '${missing}'`,
    );
  }
}

/** The frames of a state, in the order of its manifest. */
export function* stateFrames(state: NamedTensors, step: number): Generator<WireTensor> {
  let tensorId = 0;
  for (const { shape, data } of state.values()) {
    yield { kind: 'state', step, microBatch: 0, tensorId: tensorId++, shape, dtype: 'f32', data };
  }
}

/** Collects the tensors that a manifest announced. */
export class StateReceiver {
  readonly step: number;
  readonly totalBytes: number;
  receivedBytes = 0;
  readonly #manifest: Manifest;
  readonly #tensors = new Map<number, Tensor>();

  constructor(step: number, manifest: Manifest) {
    this.step = step;
    this.#manifest = manifest;
    this.totalBytes = manifest.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
  }

  get isComplete(): boolean {
    return this.#tensors.size === this.#manifest.length;
  }

  /** Throws ProtocolError or ShapeError for a tensor that the manifest does not have. */
  add(tensor: WireTensor): void {
    const { tensorId, shape, dtype, step } = tensor;
    const entry = this.#manifest[tensorId];
    if (!entry || step !== this.step || dtype !== 'f32' || this.#tensors.has(tensorId)) {
      throw new ProtocolError(
        'unexpected',
        `state tensor ${tensorId} (${dtype}) of step ${step}: expected one f32 tensor each of 0 to ${this.#manifest.length - 1} of step ${this.step}`,
      );
    }
    expectShape(`state tensor '${entry.name}'`, entry.shape, shape);
    this.#tensors.set(tensorId, { shape, data: tensor.data });
    this.receivedBytes += tensor.data.byteLength;
  }

  /** The whole state, in the manifest's order. */
  state(): NamedTensors {
    return new Map(
      this.#manifest.flatMap(({ name }, tensorId): [string, Tensor][] => {
        const tensor = this.#tensors.get(tensorId);
        return tensor ? [[name, tensor]] : [];
      }),
    );
  }
}
