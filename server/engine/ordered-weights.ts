import type { Convolution } from '../../runtime/model/graph';
import { orderedName } from './graphs/names';
import { blockWeights } from './onnx/blocked-layout';
import {
  forwardWeightOrder,
  inputGradientWeightOrder,
  type WeightOrder,
} from './operations/convolution';

interface Ordered {
  readonly convolution: Convolution;
  readonly order: WeightOrder;
  /** Undefined until it is asked for after a change of the parameter. */
  data: Float32Array | undefined;
}

/**
 * The weights of convolutions in the orders in which graphs read them: rotated, in blocks. Each is
 * made once after an optimizer step, not once a micro-batch.
 */
export class OrderedWeights {
  readonly #weights = new Map<string, Ordered>();

  constructor(convolutions: readonly Convolution[], blockSize: number | undefined) {
    for (const convolution of convolutions) {
      for (const wantedOrder of [forwardWeightOrder, inputGradientWeightOrder]) {
        const order = wantedOrder(convolution, blockSize);
        const name = orderedName(convolution.weight, order);
        if (name === convolution.weight) continue;
        this.#weights.set(name, { convolution, order, data: undefined });
      }
    }
  }

  /** @param parameter gives a convolution's weights in their own order */
  get(
    name: string,
    parameter: (name: string) => Float32Array | undefined,
  ): Float32Array | undefined {
    const weight = this.#weights.get(name);
    if (!weight) return undefined;
    const { convolution, order } = weight;
    const source = parameter(convolution.weight);
    weight.data ??= source && inOrder(convolution, source, order);
    return weight.data;
  }

  /** The parameters have changed. */
  drop(): void {
    for (const weight of this.#weights.values()) weight.data = undefined;
  }

  bytes(): number {
    const counts = [...this.#weights.values()].map(({ convolution }) => countOf(convolution));
    return 4 * counts.reduce((sum, count) => sum + count, 0);
  }
}

function inOrder(
  convolution: Convolution,
  weight: Float32Array,
  { rotated, blockSize }: WeightOrder,
): Float32Array {
  const { inChannels, outChannels, kernel } = convolution;
  if (blockSize === undefined) return rotated ? rotate(convolution, weight) : weight;
  const channels = rotated ? [inChannels, outChannels] : [outChannels, inChannels];
  return blockWeights(weight, [...channels, kernel, kernel], blockSize, { rotated });
}

function rotate(convolution: Convolution, weight: Float32Array): Float32Array {
  const { inChannels, outChannels, kernel } = convolution;
  const rotated = new Float32Array(countOf(convolution));
  const size = kernel * kernel;
  for (let out = 0; out < outChannels; out++) {
    for (let input = 0; input < inChannels; input++) {
      const from = (out * inChannels + input) * size;
      const last = (input * outChannels + out + 1) * size - 1;
      for (let tap = 0; tap < size; tap++) rotated[last - tap] = weight[from + tap] ?? 0;
    }
  }
  return rotated;
}

function countOf({ inChannels, outChannels, kernel }: Convolution): number {
  return inChannels * outChannels * kernel * kernel;
}
