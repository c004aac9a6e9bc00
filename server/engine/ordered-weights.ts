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
  /** Undefined until it is first asked for; then written over after each change of the parameter. */
  data: Float32Array | undefined;
  isOutdated: boolean;
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
        this.#weights.set(name, { convolution, order, data: undefined, isOutdated: true });
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
    if (!weight.isOutdated) return weight.data;
    const source = parameter(convolution.weight);
    if (!source) return undefined;
    weight.data ??= new Float32Array(countOf(convolution));
    putInOrder(convolution, source, order, weight.data);
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
  convolution: Convolution,
  weight: Float32Array,
  { rotated, blockSize }: WeightOrder,
  into: Float32Array,
): void {
  const { inChannels, outChannels, kernel } = convolution;
  if (blockSize === undefined) {
    rotate(convolution, weight, into);
  } else {
    const channels = rotated ? [inChannels, outChannels] : [outChannels, inChannels];
    blockWeights(weight, [...channels, kernel, kernel], blockSize, { rotated, into });
  }
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
