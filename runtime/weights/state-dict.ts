import type { Model, TensorSpec, Unit } from '../model/graph';
import { expectShape, ShapeError, type NamedTensors, type Tensor } from '../tensor';
import { storeFloat32, storeInteger, type StoredTensor } from './stored-tensor';

/**
 * A model's tensors as torchvision's `state_dict()` has them: the same names, shapes and types in
 * the same order, `num_batches_tracked` of each batch norm included.
 *
 * @param numBatchesTracked training forward passes that the running statistics have seen
 * @throws ShapeError when `state` lacks a tensor or holds it in another shape
 */
export function stateDict(
  { units }: Model,
  state: NamedTensors,
  numBatchesTracked: number,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const unit of units) {
    for (const spec of inOrder(unit)) {
      tensors.set(spec.name, storeFloat32(required(state, spec)));
      const tracked = trackedName(spec.name);
      if (tracked !== undefined) tensors.set(tracked, storeInteger(numBatchesTracked));
    }
  }
  return tensors;
}

/** `bn1.num_batches_tracked` for `bn1.running_var`, which it follows; undefined for other names. */
function trackedName(name: string): string | undefined {
  return name.endsWith('.running_var')
    ? name.replace(/running_var$/, 'num_batches_tracked')
    : undefined;
}

/** A unit's tensors, each batch norm's running statistics behind its weight and bias. */
function inOrder({ operations, parameters, buffers }: Unit): TensorSpec[] {
  const owned = new Map([...parameters, ...buffers].map((spec) => [spec.name, spec]));
  return operations
    .flatMap((operation) => {
      switch (operation.kind) {
        case 'convolution':
          return [operation.weight];
        case 'batchNorm':
          return [operation.weight, operation.bias, operation.runningMean, operation.runningVar];
        case 'linear':
          return [operation.weight, operation.bias];
        default:
          return [];
      }
    })
    .flatMap((name) => owned.get(name) ?? []);
}

function required(state: NamedTensors, { name, shape }: TensorSpec): Tensor {
  const tensor = state.get(name);
  if (!tensor) throw new ShapeError(`the state to be saved lacks '${name}'`);
  expectShape(`'${name}' of the state to be saved`, shape, tensor.shape);
  return tensor;
}
