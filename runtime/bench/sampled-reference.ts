import { Random } from '../random';
import { elementCount, type Shape } from '../tensor';
import {
  resultShape,
  weightShape,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from './convolution-case';

/**
 * A result is right when every sampled element lies this close to its float64 reference, as a part
 * of the sum of the products' absolute values. Rounding in float32 leaves about 1e-7 of that sum;
 * a product that is missing, or taken twice, changes it by far more.
 */
const tolerance = 3e-6;

const sampleCount = 512;

/** Elements of a direction's result in float64. */
export interface Reference {
  readonly places: readonly number[];
  readonly values: readonly number[];
  /** The greatest sum of absolute values among the sampled elements. */
  readonly magnitude: number;
}

/**
 * The first elements, the last ones, and a random sample of all, each gathered in float64 by the
 * convolution's definition; the whole result would take minutes at full size.
 */
export function sampleReference(
  convolution: ConvolutionCase,
  direction: Direction,
  data: CaseData,
): Reference {
  const count = elementCount(resultShape(convolution, direction));
  const random = new Random(4, convolution.name, direction);
  const ends = 16;
  const places = Array.from({ length: sampleCount }, (_, index) => {
    if (index < ends) return Math.min(index, count - 1);
    if (index < 2 * ends) return Math.max(0, count - 1 - (index - ends));
    return random.integer(count);
  });
  let magnitude = 0;
  const values = places.map((place) => {
    const { sum, absolute } = gather(convolution, direction, data, place);
    magnitude = Math.max(magnitude, absolute);
    return sum;
  });
  return { places, values, magnitude };
}

/** The greatest error of the sampled elements as a part of the tolerance; NaN counts as infinite. */
export function referenceError(result: Float32Array, reference: Reference): number {
  return reference.places.reduce((worst, place, index) => {
    const error = Math.abs((result[place] ?? NaN) - (reference.values[index] ?? NaN));
    return worse(worst, error / (tolerance * reference.magnitude));
  }, 0);
}

/** The greatest difference of two whole results as a part of the tolerance for two roundings. */
export function disagreement(a: Float32Array, b: Float32Array, { magnitude }: Reference): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let index = 0; index < a.length; index++) {
    worst = worse(worst, Math.abs((a[index] ?? NaN) - (b[index] ?? NaN)));
  }
  return worst / (2 * tolerance * magnitude);
}

function worse(worst: number, error: number): number {
  return Number.isNaN(error) ? Infinity : Math.max(worst, error);
}

interface Sum {
  sum: number;
  absolute: number;
}

function gather(
  convolution: ConvolutionCase,
  direction: Direction,
  { x, weight, dy }: CaseData,
  place: number,
): Sum {
  const { stride, padding, kernel } = convolution.operation;
  const [samples = 0, inChannels = 0, height = 0, width = 0] = convolution.inputShape;
  const [, outChannels = 0, outHeight = 0, outWidth = 0] = convolution.outputShape;
  const total: Sum = { sum: 0, absolute: 0 };
  const add = (a: number | undefined, b: number | undefined): void => {
    const product = (a ?? NaN) * (b ?? NaN);
    total.sum += product;
    total.absolute += Math.abs(product);
  };
  const xAt = (n: number, i: number, h: number, w: number): number | undefined =>
    x.data[((n * inChannels + i) * height + h) * width + w];
  const dyAt = (n: number, o: number, h: number, w: number): number | undefined =>
    dy.data[((n * outChannels + o) * outHeight + h) * outWidth + w];
  const weightAt = (o: number, i: number, ky: number, kx: number): number | undefined =>
    weight.data[((o * inChannels + i) * kernel + ky) * kernel + kx];

  if (direction === 'forward') {
    const [n, o, h, w] = coordinates(place, convolution.outputShape);
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const [inH, inW] = [h * stride + ky - padding, w * stride + kx - padding];
        if (inH < 0 || inW < 0 || inH >= height || inW >= width) continue;
        for (let i = 0; i < inChannels; i++) add(xAt(n, i, inH, inW), weightAt(o, i, ky, kx));
      }
    }
  } else if (direction === 'inputGradient') {
    const [n, i, h, w] = coordinates(place, convolution.inputShape);
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const [outH, outW] = [(h + padding - ky) / stride, (w + padding - kx) / stride];
        if (!Number.isInteger(outH) || !Number.isInteger(outW)) continue;
        if (outH < 0 || outW < 0 || outH >= outHeight || outW >= outWidth) continue;
        for (let o = 0; o < outChannels; o++) add(dyAt(n, o, outH, outW), weightAt(o, i, ky, kx));
      }
    }
  } else {
    const [o, i, ky, kx] = coordinates(place, weightShape(convolution));
    for (let n = 0; n < samples; n++) {
      for (let h = 0; h < outHeight; h++) {
        const inH = h * stride + ky - padding;
        if (inH < 0 || inH >= height) continue;
        for (let w = 0; w < outWidth; w++) {
          const inW = w * stride + kx - padding;
          if (inW >= 0 && inW < width) add(dyAt(n, o, h, w), xAt(n, i, inH, inW));
        }
      }
    }
  }
  return total;
}

function coordinates(
  place: number,
  [, b = 1, c = 1, d = 1]: Shape,
): [number, number, number, number] {
  const row = Math.floor(place / d);
  const plane = Math.floor(row / c);
  return [Math.floor(plane / b), plane % b, row % c, place % d];
}
