import type { Convolution } from '../../runtime/model/graph';
import { orderedName } from './graphs/names';
import { rotateBlocks, unblockWeights } from './onnx/blocked-weights';
import {
  forwardWeightOrder,
  inputGradientWeightOrder,
  type WeightOrder,
} from './operations/convolution';

interface Ordered {
  readonly convolution: Convolution;
  /** Block size of the parameter. */
  readonly keptIn: number | undefined;
  readonly order: WeightOrder;
  /** Undefined until it is first asked for; then written over after each change of the parameter. */
  data: Float32Array | undefined;
  isOutdated: boolean;
}

/**
 * The weights of convolutions in the other orders in which graphs read them: those of the input
 * gradients. Each is made once after an optimizer step, not once a micro-batch.
 */
export class OrderedWeights {
  readonly #weights = new Map<string, Ordered>();

  constructor(convolutions: readonly Convolution[], blockSize: number | undefined) {
    for (const convolution of convolutions) {
      const { blockSize: keptIn } = forwardWeightOrder(convolution, blockSize);
      const order = inputGradientWeightOrder(convolution, blockSize);
      if (!order.rotated && keptIn === undefined) continue;
      const name = orderedName(convolution.weight, order);
      this.#weights.set(name, { convolution, keptIn, order, data: undefined, isOutdated: true });
    }
  }

  /** @param parameter gives a convolution's weights in the order of the forward */
  get(
    name: string,
    parameter: (name: string) => Float32Array | undefined,
  ): Float32Array | undefined {
    const weight = this.#weights.get(name);
    if (!weight) return undefined;
    const { convolution } = weight;
    if (!weight.isOutdated) return weight.data;
    const source = parameter(convolution.weight);
    if (!source) return undefined;
    weight.data ??= new Float32Array(countOf(convolution));
    putInOrder(weight, source, weight.data);
    weight.isOutdated = false;
    return weight.data;
  }

  /** The parameters have changed. */
  drop(): void {
    for (const weight of this.#weights.values()) weight.isOutdated = true;
  }

  bytes(): number {
    const counts = [...this.#weights.values()].map(({ convolution }) => countOf(convolution));
    return 4 * counts.reduce((sum, count) => sum + count, 0);
  }
}

function putInOrder(
  { convolution, keptIn, order }: Ordered,
  weight: Float32Array,
  into: Float32Array,
): void {
  const { inChannels, outChannels, kernel } = convolution;
  const shape = [outChannels, inChannels, kernel, kernel];
  if (order.blockSize !== undefined) {
    rotateBlocks(weight, shape, order.blockSize, into);
    return;
  }
  const plain = keptIn === undefined ? weight : unblockWeights(weight, shape, keptIn);
  if (order.rotated) rotate(convolution, plain, into);
  else into.set(plain);
}

function rotate(
  { inChannels, outChannels, kernel }: Convolution,
  weight: Float32Array,
  rotated: Float32Array,
): void {
  const size = kernel * kernel;
  for (let out = 0; out < outChannels; out++) {
    for (let input = 0; input < inChannels; input++) {
      const from = (out * inChannels + input) * size;
      const last = (input * outChannels + out + 1) * size - 1;
      for (let tap = 0; tap < size; tap++) rotated[last - tap] = weight[from + tap] ?? 0;
    }
  }
}

function countOf({ inChannels, outChannels, kernel }: Convolution): number {
  return inChannels * outChannels * kernel * kernel;
}
