import { inferShapes, type Convolution } from '../model/graph';
import { buildResNet } from '../model/resnet';
import { Random } from '../random';
import { elementCount, tensor, type Shape, type Tensor } from '../tensor';

export const directions = ['forward', 'inputGradient', 'weightGradient'] as const;
export type Direction = (typeof directions)[number];

/** One distinct convolution of ResNet-34. Shapes are (N, C, H, W). */
export interface ConvolutionCase {
  /** `layer2: 3x3, 64 to 128, stride 2`. */
  readonly name: string;
  /** `stem`, `layer1` … `layer4`. */
  readonly layer: string;
  readonly operation: Convolution;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  /** How often the network has it. */
  readonly count: number;
}

/** What a case is computed on: seeded, zero mean, sums of unit scale. */
export interface CaseData {
  readonly x: Tensor;
  /** (out, in, kernel, kernel). */
  readonly weight: Tensor;
  readonly dy: Tensor;
}

/** The distinct convolutions of ResNet-34, in the network's order, on pictures of `size` x `size`. */
export function resNet34Cases(size: number, batch: number): ConvolutionCase[] {
  const { units } = buildResNet({ architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' });
  const cases = new Map<string, ConvolutionCase>();
  let shape: Shape = [3, size, size];
  for (const unit of units) {
    const shapes = inferShapes(unit, shape);
    const shapeOf = (value: string): Shape => [batch, ...(shapes.get(value) ?? [])];
    for (const operation of unit.operations) {
      if (operation.kind !== 'convolution') continue;
      const layer = unit.name.split('.', 1)[0] ?? unit.name;
      const { kernel, inChannels, outChannels, stride } = operation;
      const window = `${kernel}x${kernel}, ${inChannels} to ${outChannels}`;
      const name = `${layer}: ${window}${stride === 1 ? '' : `, stride ${stride}`}`;
      cases.set(name, {
        name,
        layer,
        operation,
        inputShape: shapeOf(operation.input),
        outputShape: shapeOf(operation.output),
        count: (cases.get(name)?.count ?? 0) + 1,
      });
    }
    shape = shapes.get(unit.output) ?? [];
  }
  return [...cases.values()];
}

/** Nobody waits for the gradient of the pictures. */
export function isTrained({ layer }: ConvolutionCase, direction: Direction): boolean {
  return layer !== 'stem' || direction !== 'inputGradient';
}

export function weightShape({ operation }: ConvolutionCase): Shape {
  const { outChannels, inChannels, kernel } = operation;
  return [outChannels, inChannels, kernel, kernel];
}

/** Two for each multiplication and addition; the same in each direction. Padding is counted. */
export function floatingPointOperations(convolution: ConvolutionCase): number {
  const { inChannels, kernel } = convolution.operation;
  return 2 * elementCount(convolution.outputShape) * inChannels * kernel ** 2;
}

/** Bytes of the two operands and the result: what must be moved at least, in each direction. */
export function operandBytes(convolution: ConvolutionCase): number {
  const shapes = [convolution.inputShape, weightShape(convolution), convolution.outputShape];
  return shapes.reduce((sum, shape) => sum + elementCount(shape) * 4, 0);
}

export function makeCaseData(convolution: ConvolutionCase): CaseData {
  const { inChannels, kernel } = convolution.operation;
  const draw = (name: string, shape: Shape, variance: number): Tensor => {
    const random = new Random(3, convolution.name, name);
    const bound = Math.sqrt(3 * variance);
    const length = elementCount(shape);
    return tensor(
      shape,
      Float32Array.from({ length }, () => random.between(-bound, bound)),
    );
  };
  const { inputShape, outputShape } = convolution;
  const [samples = 1, , height = 1, width = 1] = outputShape;
  return {
    x: draw('x', inputShape, 1),
    weight: draw('weight', weightShape(convolution), 1 / (inChannels * kernel ** 2)),
    dy: draw('dy', outputShape, 1 / (samples * height * width)),
  };
}

/** The shape of a direction's result. */
export function resultShape(convolution: ConvolutionCase, direction: Direction): Shape {
  if (direction === 'forward') return convolution.outputShape;
  return direction === 'inputGradient' ? convolution.inputShape : weightShape(convolution);
}
