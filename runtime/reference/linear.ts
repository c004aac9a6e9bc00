import { addAt, at, zeros64, type Tensor64 } from './tensor64';

/**
 * out[n, o] = sum over i of in[n, i] w[o, i] + b[o].
 *
 * @param input (N, inFeatures)
 * @param weight (outFeatures, inFeatures)
 * @param bias (outFeatures)
 */
export function linear(input: Tensor64, weight: Tensor64, bias: Tensor64): Tensor64 {
  const [samples = 0, inFeatures = 0] = input.shape;
  const [outFeatures = 0] = weight.shape;
  const output = zeros64([samples, outFeatures]);
  for (let n = 0; n < samples; n++) {
    for (let o = 0; o < outFeatures; o++) {
      let sum = at(bias.data, o);
      for (let i = 0; i < inFeatures; i++) {
        sum += at(input.data, n * inFeatures + i) * at(weight.data, o * inFeatures + i);
      }
      output.data[n * outFeatures + o] = sum;
    }
  }
  return output;
}

/** The gradients of {@link linear}'s input, weight and bias, each of its tensor's shape. */
export function linearBackward(
  outputGradient: Tensor64,
  input: Tensor64,
  weight: Tensor64,
): { inputGradient: Tensor64; weightGradient: Tensor64; biasGradient: Tensor64 } {
  const [samples = 0, inFeatures = 0] = input.shape;
  const [outFeatures = 0] = weight.shape;
  const inputGradient = zeros64(input.shape);
  const weightGradient = zeros64(weight.shape);
  const biasGradient = zeros64([outFeatures]);
  for (let n = 0; n < samples; n++) {
    for (let o = 0; o < outFeatures; o++) {
      const dy = at(outputGradient.data, n * outFeatures + o);
      addAt(biasGradient.data, o, dy);
      for (let i = 0; i < inFeatures; i++) {
        const from = n * inFeatures + i;
        const tap = o * inFeatures + i;
        addAt(inputGradient.data, from, dy * at(weight.data, tap));
        addAt(weightGradient.data, tap, dy * at(input.data, from));
      }
    }
  }
  return { inputGradient, weightGradient, biasGradient };
}
