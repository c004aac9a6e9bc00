import { foldedBiasName, foldedWeightName, type FoldedConvolution } from './graphs/folding';
import { orderedName } from './graphs/names';
import { blockWeights } from './onnx/blocked-weights';
import { forwardWeightOrder } from './operations/convolution';

/**
 * Weights and biases of convolutions with the batch norm behind them folded in: weight r and
 * bias - mean r, r = weight of the batch norm / sqrt(running variance + epsilon). Made when an
 * evaluation first asks for them after a change of the state.
 */
export class FoldedWeights {
  readonly #makers = new Map<string, (read: Read) => Float32Array>();
  readonly #made = new Map<string, Float32Array>();

  constructor(pairs: Iterable<FoldedConvolution>, blockSize: number | undefined) {
    for (const pair of pairs) {
      const { convolution } = pair;
      const order = forwardWeightOrder(convolution, blockSize);
      const name = orderedName(foldedWeightName(convolution.weight), order);
      this.#makers.set(name, (read) => {
        const { outChannels, inChannels, kernel } = convolution;
        const weight = foldedWeight(pair, read);
        const shape = [outChannels, inChannels, kernel, kernel];
        return order.blockSize === undefined
          ? weight
          : blockWeights(weight, shape, order.blockSize);
      });
      this.#makers.set(foldedBiasName(convolution.weight), (read) => foldedBias(pair, read));
    }
  }

  /** @param read gives the parameters and buffers */
  get(name: string, read: Read): Float32Array | undefined {
    const known = this.#made.get(name);
    if (known) return known;
    const made = this.#makers.get(name)?.(read);
    if (made) this.#made.set(name, made);
    return made;
  }

  /** Parameters or running statistics have changed. */
  drop(): void {
    this.#made.clear();
  }

  bytes(): number {
    return [...this.#made.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
}

type Read = (name: string) => Float32Array;

function foldedWeight({ convolution, batchNorm }: FoldedConvolution, read: Read): Float32Array {
  const weight = read(convolution.weight).slice();
  const scales = scalesOf({ convolution, batchNorm }, read);
  const perChannel = weight.length / convolution.outChannels;
  scales.forEach((scale, channel) => {
    const end = (channel + 1) * perChannel;
    for (let index = channel * perChannel; index < end; index++) {
      weight[index] = (weight[index] ?? 0) * scale;
    }
  });
  return weight;
}

function foldedBias(pair: FoldedConvolution, read: Read): Float32Array {
  const bias = read(pair.batchNorm.bias).slice();
  const mean = read(pair.batchNorm.runningMean);
  scalesOf(pair, read).forEach((scale, channel) => {
    bias[channel] = (bias[channel] ?? 0) - (mean[channel] ?? 0) * scale;
  });
  return bias;
}

function scalesOf({ batchNorm }: FoldedConvolution, read: Read): Float64Array {
  const variance = read(batchNorm.runningVar);
  return Float64Array.from(
    read(batchNorm.weight),
    (weight, channel) => weight / Math.sqrt((variance[channel] ?? 0) + batchNorm.epsilon),
  );
}
