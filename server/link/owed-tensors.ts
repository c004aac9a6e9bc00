import type { PlannedStage } from '../../runtime/pipeline/assignment';
import { expectBoundaryShape, type Transfer } from '../../runtime/pipeline/stage';
import { ProtocolError } from '../../runtime/protocol/error';

/** What a worker computes, and so which tensors it is to send. */
export interface Command {
  readonly kind: 'step' | 'evaluate';
  readonly step: number;
  readonly numMicroBatches: number;
}

/** The tensors that a worker owes for one command: one of each kind for each micro-batch. */
export class OwedTensors {
  readonly #plan: PlannedStage;
  readonly #command: Command;
  readonly #kinds: readonly Transfer['kind'][];
  readonly #arrived = new Set<string>();

  constructor(plan: PlannedStage, command: Command) {
    this.#plan = plan;
    this.#command = command;
    this.#kinds = kindsOf(plan, command);
  }

  get areComplete(): boolean {
    return this.#arrived.size === this.#kinds.length * this.#command.numMicroBatches;
  }

  /** Throws ProtocolError or ShapeError for a tensor that is not owed, or came before. */
  take(transfer: Transfer): void {
    const { kind, step, microBatch } = transfer;
    const { numMicroBatches } = this.#command;
    const name = `${kind} of step ${step}, micro-batch ${microBatch}`;
    const isOwed =
      this.#kinds.includes(kind) && step === this.#command.step && microBatch < numMicroBatches;
    if (!isOwed) {
      const kinds = this.#kinds.join(' or ') || 'no tensor';
      throw new ProtocolError(
        'unexpected',
        `stage ${this.#plan.units}: expected ${kinds} of step ${this.#command.step}, micro-batches 0 to ${numMicroBatches - 1}, got ${name}`,
      );
    }
    if (this.#arrived.has(name)) {
      throw new ProtocolError(
        'unexpected',
        `stage ${this.#plan.units}: expected one ${name}, got a second`,
      );
    }
    expectBoundaryShape(this.#plan, transfer, 'out');
    this.#arrived.add(name);
  }
}

function kindsOf({ isFirst, isLast }: PlannedStage, { kind }: Command): Transfer['kind'][] {
  if (kind === 'evaluate') return ['output'];
  const kinds: Transfer['kind'][] = [];
  if (!isLast) kinds.push('activation');
  if (!isFirst) kinds.push('gradient');
  return kinds;
}
