import type { PlannedStaging } from './stage-layout';

/** A few staging buffers of one exact size, used in turn: Safari copies a mapped buffer whole. */
export class StagingRing {
  readonly #bytes: number;
  readonly #free: GPUBuffer[] = [];
  readonly #all: readonly GPUBuffer[];
  readonly #waiting: ((buffer: GPUBuffer) => void)[] = [];

  constructor(device: GPUDevice, { label, bytes, count }: PlannedStaging) {
    this.#bytes = bytes;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#all = Array.from({ length: count }, () =>
      device.createBuffer({ label: `staging ${label}`, size: bytes, usage }),
    );
    this.#free.push(...this.#all);
  }

  /** Of one buffer. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer to copy into; waits until one is free. */
  acquire(): Promise<GPUBuffer> {
    const free = this.#free.pop();
    if (free) return Promise.resolve(free);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives back a buffer that nothing was submitted for. */
  release(buffer: GPUBuffer): void {
    const next = this.#waiting.shift();
    if (next) next(buffer);
    else this.#free.push(buffer);
  }

  /** Waits for the copy that was submitted, hands its floats to `use`, and frees the buffer. */
  async read<Result>(
    buffer: GPUBuffer,
    use: (floats: Float32Array) => Result,
    bytes = this.#bytes,
  ): Promise<Result> {
    try {
      await buffer.mapAsync(GPUMapMode.READ);
      return use(new Float32Array(buffer.getMappedRange(0, bytes)));
    } finally {
      if (buffer.mapState === 'mapped') buffer.unmap();
      this.release(buffer);
    }
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
  }
}
