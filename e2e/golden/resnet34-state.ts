import { buffersOf, type Model, type TensorSpec } from '../../runtime/model/graph';
import { elementCount, type NamedTensors } from '../../runtime/tensor';
import { valuesOf, type Distribution } from '../../runtime/golden/values';

/** The state that `resnet34.py` starts from; why it is this one stands there. */
export function formulaState({ units }: Model): NamedTensors {
  return new Map(
    units
      .flatMap(({ parameters, buffers }) => [...parameters, ...buffers])
      .map((spec) => [spec.name, valuesOf(spec.name, spec.shape, distributionOf(spec))]),
  );
}

/** The state that `round_trip.py` saves: the same, with running statistics as training leaves them. */
export function trainedState(model: Model): NamedTensors {
  const state = formulaState(model);
  for (const { name, shape } of buffersOf(model.units)) {
    const isMean = name.endsWith('running_mean');
    state.set(
      name,
      valuesOf(name, shape, isMean ? { scale: 0.2, offset: 0 } : { scale: 0.5, offset: 1 }),
    );
  }
  return state;
}

function distributionOf({ name, shape }: TensorSpec): Distribution {
  const [outChannels = 0, , ...kernel] = shape;
  if (name.startsWith('fc.')) return { scale: 1 / Math.sqrt(512), offset: 0 };
  if (kernel.length > 0) {
    return { scale: Math.sqrt(6 / (outChannels * elementCount(kernel))), offset: 0 };
  }
  if (name.endsWith('bn2.weight')) return { scale: 0.05, offset: 0.2 };
  if (name.endsWith('.bias')) return { scale: 0.3, offset: 0 };
  return { scale: 0, offset: name.endsWith('running_mean') ? 0 : 1 };
}
