import type { Add, BatchNorm, Operation, Relu, Unit } from '../model/graph';

/**
 * Batch norm whose result only a ReLU reads, or only a sum that only a ReLU reads: what a block of
 * a ResNet ends with. Its kernels read and write once where the operations by themselves would
 * three times.
 */
export interface BatchNormRelu {
  readonly kind: 'batchNormRelu';
  readonly batchNorm: BatchNorm;
  /** The sum in between, and which of its operands is not the batch norm's. */
  readonly add?: { readonly operation: Add; readonly shortcut: string };
  readonly relu: Relu;
  /** The ReLU's. */
  readonly output: string;
}

/** What a stage runs: the graph's operations, some of them as one. */
export type PlannedOperation = Operation | BatchNormRelu;

/**
 * The operations of a unit, fused where one kernel does the work of several. A fused operation
 * stands where its last one stood, so that all it reads is there.
 */
export function fuse({ operations, output }: Unit): readonly PlannedOperation[] {
  const readers = (value: string): readonly Operation[] =>
    operations.filter((operation) => inputsOf(operation).includes(value));
  /** The one operation that reads a value; undefined when others do, or the next unit. */
  const onlyReader = (value: string): Operation | undefined => {
    const [reader, ...others] = readers(value);
    return value === output || others.length > 0 ? undefined : reader;
  };
  const fused = new Map<Operation, BatchNormRelu>();
  const absorbed = new Set<Operation>();
  for (const batchNorm of operations) {
    if (batchNorm.kind !== 'batchNorm') continue;
    const next = onlyReader(batchNorm.output);
    const sum = next?.kind === 'add' && next.input !== next.other ? next : undefined;
    const relu = sum ? onlyReader(sum.output) : next;
    // A sum of two batch norms takes one of them in.
    if (relu?.kind !== 'relu' || fused.has(relu)) continue;
    const shortcut = sum && (sum.input === batchNorm.output ? sum.other : sum.input);
    fused.set(relu, {
      kind: 'batchNormRelu',
      batchNorm,
      ...(sum && shortcut !== undefined && { add: { operation: sum, shortcut } }),
      relu,
      output: relu.output,
    });
    absorbed.add(batchNorm);
    if (sum) absorbed.add(sum);
  }
  return operations
    .filter((operation) => !absorbed.has(operation))
    .map((operation) => fused.get(operation) ?? operation);
}

function inputsOf(operation: Operation): readonly string[] {
  return operation.kind === 'add' ? [operation.input, operation.other] : [operation.input];
}
