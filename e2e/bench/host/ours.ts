import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { NamedTensors, Tensor } from '../../../runtime/tensor';
import { elementCount } from '../../../runtime/tensor';
import { OnnxEngine } from '../../../server/engine/onnx-engine';
import { unitsOf, type Message, type StateFiles, type Taken, type Work } from './work';

/** Tandem's side of the host benchmark: the engine as its thread runs it. */
class Ours {
  readonly #engine: OnnxEngine;
  #work: Work | undefined;
  #pictures: Tensor = { shape: [], data: new Float32Array() };
  #outputGradient: Tensor | null = null;
  #gradients: NamedTensors = new Map();
  #step = 0;

  constructor(numThreads: number, layout: 'blocked' | 'standard') {
    this.#engine = new OnnxEngine({ numThreads, layout });
  }

  async answer(message: Message): Promise<object> {
    switch (message.kind) {
      case 'load':
        return this.#load(message.work, message.state);
      case 'train':
        return this.#train();
      case 'infer': {
        const clock = startClock();
        await this.#engine.evaluate(this.#pictures);
        return clock();
      }
      case 'results':
        return this.#results(message.folder);
      case 'peak':
        return { mb: process.resourceUsage().maxRSS / 2 ** 10 };
    }
  }

  async #load(work: Work, files: StateFiles): Promise<object> {
    const { samples, imageSize, end } = work;
    this.#work = work;
    const shape = [samples, 3, imageSize, imageSize];
    this.#pictures = { shape, data: readFloats(work.pictures) };
    const state = Object.entries(files).map(
      ([name, [file, tensorShape]]) =>
        [name, { shape: tensorShape, data: readFloats(file) }] as const,
    );
    const started = performance.now();
    await this.#engine.load({
      units: unitsOf(work),
      inputShape: shape.slice(1),
      microBatchSize: samples,
      numMicroBatches: 1,
      maxInFlight: 1,
      needsInputGradient: false,
      optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
      ...(end === null ? { loss: { labelSmoothing: 0 } } : {}),
    });
    await this.#engine.importState(new Map(state));
    return { ms: performance.now() - started };
  }

  async #train(): Promise<object> {
    const samples = this.#work?.samples ?? 0;
    const compute = startClock();
    if (this.#work?.end === null) {
      const labels = Int32Array.from({ length: samples }, (_, sample) => sample);
      await this.#engine.forwardLoss(0, this.#pictures, labels);
      await this.#engine.backward(0, null);
    } else {
      const { shape } = await this.#engine.forward(0, this.#pictures);
      if (this.#outputGradient?.shape.join() !== shape.join()) {
        this.#outputGradient = { shape, data: new Float32Array(elementCount(shape)).fill(1e-4) };
      }
      await this.#engine.backward(0, this.#outputGradient);
    }
    const computed = compute();
    // Only the check asks for them, on small pictures.
    if (this.#work?.exact) this.#gradients = await this.#engine.exportGradients();
    const update = startClock();
    await this.#engine.applyOptimizer({ learningRate: 0.01, step: ++this.#step });
    const updated = update();
    return {
      ms: computed.ms + updated.ms,
      cpuMs: computed.cpuMs + updated.cpuMs,
      updateMs: updated.ms,
    };
  }

  async #results(folder: string): Promise<object> {
    const output = await this.#engine.evaluate(this.#pictures);
    const tensors = [...this.#gradients, ['output', output] as const];
    const files = tensors.map(([name, { data }], index) => {
      const file = join(folder, `actual-${index}`);
      writeFileSync(file, data);
      return [name, file] as const;
    });
    return { files: Object.fromEntries(files) };
  }
}

/** Gives what has been taken since. */
function startClock(): () => Taken {
  const started = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { ms: performance.now() - started, cpuMs: (user + system) / 1000 };
  };
}

function readFloats(file: string): Float32Array {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  // Node reads small files into the middle of a shared buffer, which need not be aligned.
  return byteOffset % 4 === 0
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

async function serve([numThreads, layout]: readonly string[]): Promise<void> {
  const ours = new Ours(Number(numThreads), layout === 'standard' ? 'standard' : 'blocked');
  const say = (reply: object): void => void process.stdout.write(`${JSON.stringify(reply)}\n`);
  say({ name: `Tandem, ${layout ?? ''} layout` });
  for await (const line of createInterface(process.stdin)) {
    say(await ours.answer(JSON.parse(line) as Message));
  }
}

await serve(process.argv.slice(2));
