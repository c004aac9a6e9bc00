import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialize } from '../../../runtime/model/initialize';
import { Random } from '../../../runtime/random';
import type { Tensor } from '../../../runtime/tensor';
import { unitsOf, type Message, type StateFiles, type Work } from './work';

/** What all sides read: one network's weights and pictures, as files of float32. */
export class Materials {
  readonly folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
  readonly #trained: StateFiles;
  readonly #compared: StateFiles;

  constructor() {
    const state = [...initialize(unitsOf({ end: null }), 0)];
    // With batch norms far above zero hardly any ReLU's sign hangs on rounding, and one such sign
    // outweighs all other differences.
    const shifted = state
      .filter(([name]) => /bn\d[.]bias$/.test(name))
      .map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 2.5) }] as const);
    this.#trained = this.#files('', state);
    this.#compared = { ...this.#trained, ...this.#files('shifted-', shifted) };
  }

  /** The message by which a contestant gets its work; pictures are normal values. */
  load(work: Omit<Work, 'pictures'>): Extract<Message, { kind: 'load' }> {
    const { samples, imageSize } = work;
    const random = new Random(0, 'pictures');
    const draw = (): number => random.normal();
    const values = Float32Array.from({ length: samples * 3 * imageSize * imageSize }, draw);
    const pictures = this.#write(`pictures-${samples}-${imageSize}`, values);
    const state = work.exact ? this.#compared : this.#trained;
    return { kind: 'load', work: { ...work, pictures }, state };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #files(prefix: string, tensors: readonly (readonly [string, Tensor])[]): StateFiles {
    return Object.fromEntries(
      tensors.map(([name, { shape, data }]) => [name, [this.#write(prefix + name, data), shape]]),
    );
  }

  #write(name: string, values: Float32Array): string {
    const file = join(this.folder, name);
    writeFileSync(file, values);
    return file;
  }
}
