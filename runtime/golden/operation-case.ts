import type { OptimizerConfig, StageEngine, StageSpec } from '../engine';
import type { Operation, Unit } from '../model/graph';
import type { NamedTensors, Shape, Tensor } from '../tensor';
import type { Fingerprint } from './fingerprint';
import { labelsOf, valuesOf, type Distribution } from './values';

interface CaseTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly values: Distribution;
}

/** One case of `operations.json`: a unit, what it is fed, and what PyTorch made of it. */
export interface OperationCase {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly inputShape: Shape;
  readonly batch: number;
  readonly parameters: readonly CaseTensor[];
  readonly buffers: readonly CaseTensor[];
  readonly input: Distribution;
  readonly outputGradient: Distribution;
  readonly loss?: { readonly labelSmoothing: number };
  readonly optimizer?: {
    readonly config: OptimizerConfig;
    readonly learningRate: number;
    readonly steps: number;
  };
  readonly results: Readonly<Record<string, Fingerprint>>;
}

/** Runs a case on an engine: every result that the case lists, by name. */
export async function runCase(engine: StageEngine, golden: OperationCase): Promise<NamedTensors> {
  await engine.load(specOf(golden));
  await engine.importState(
    new Map(
      [...golden.parameters, ...golden.buffers].map(({ name, shape, values }) => [
        name,
        valuesOf(`${golden.name}/${name}`, shape, values),
      ]),
    ),
  );
  if (golden.optimizer) return runOptimizer(engine, golden, golden.optimizer);
  return golden.loss ? runLoss(engine, golden) : runBothWays(engine, golden);
}

function specOf({ operations, parameters, buffers, ...golden }: OperationCase): StageSpec {
  const owned = ({ name, shape }: CaseTensor) =>
    ({ name, shape, initialization: { kind: 'constant', value: 0 } }) as const;
  const unit: Unit = {
    name: 'unit',
    operations,
    output: operations.at(-1)?.output ?? '',
    parameters: parameters.map(owned),
    buffers: buffers.map(owned),
  };
  return {
    units: [unit],
    inputShape: golden.inputShape,
    microBatchSize: golden.batch,
    numMicroBatches: 1,
    maxInFlight: 1,
    needsInputGradient: true,
    ...(golden.loss && { loss: golden.loss }),
    optimizer: golden.optimizer?.config ?? {
      kind: 'sgd',
      momentum: 0,
      nesterov: false,
      weightDecay: 0,
    },
  };
}

function inputOf({ name, batch, inputShape, input }: OperationCase, step: number | ''): Tensor {
  return valuesOf(`${name}/input${step}`, [batch, ...inputShape], input);
}

/** Forward, then backward with the case's own gradient; the input's gradient. */
async function forwardBackward(
  engine: StageEngine,
  golden: OperationCase,
  step: number | '',
): Promise<{ output: Tensor; inputGradient: Tensor }> {
  const output = await engine.forward(0, inputOf(golden, step));
  const { name, outputGradient } = golden;
  const gradient = valuesOf(`${name}/outputGradient${step}`, output.shape, outputGradient);
  return { output, inputGradient: present(await engine.backward(0, gradient)) };
}

async function runBothWays(engine: StageEngine, golden: OperationCase): Promise<NamedTensors> {
  const { output, inputGradient } = await forwardBackward(engine, golden, '');
  const results: NamedTensors = new Map([
    ['output', output],
    ['inputGradient', inputGradient],
    ...(await gradientsOf(engine)),
  ]);
  const state = await engine.exportState();
  for (const { name } of golden.buffers) results.set(name, present(state.get(name)));
  if (golden.buffers.length > 0) {
    results.set('evaluation', await engine.evaluate(inputOf(golden, '')));
  }
  return results;
}

async function runLoss(engine: StageEngine, golden: OperationCase): Promise<NamedTensors> {
  const { name, batch } = golden;
  const input = inputOf(golden, '');
  const logits = await engine.evaluate(input);
  const labels = labelsOf(`${name}/labels`, batch, logits.shape[1] ?? 0);
  const { loss, correct } = await engine.forwardLoss(0, input, labels);
  return new Map([
    ['loss', { shape: [], data: Float32Array.of(loss) }],
    ['correct', { shape: [], data: Float32Array.of(correct) }],
    ['logits', logits],
    ['inputGradient', present(await engine.backward(0, null))],
    ...(await gradientsOf(engine)),
  ]);
}

/** The state after some steps, each with values of its own. */
async function runOptimizer(
  engine: StageEngine,
  golden: OperationCase,
  { learningRate, steps }: { learningRate: number; steps: number },
): Promise<NamedTensors> {
  for (let step = 1; step <= steps; step++) {
    await forwardBackward(engine, golden, step);
    await engine.applyOptimizer({ learningRate, step });
  }
  return engine.exportState();
}

async function gradientsOf(engine: StageEngine): Promise<[string, Tensor][]> {
  return [...(await engine.exportGradients())].map(([name, value]) => [`gradient.${name}`, value]);
}

function present(tensor: Tensor | null | undefined): Tensor {
  if (!tensor) throw new Error('expected a tensor, the engine gave none');
  return tensor;
}
