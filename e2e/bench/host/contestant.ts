import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Message, Replies } from './work';

/** A process of the benchmark ended before it had answered. */
export class ContestantError extends Error {
  override readonly name = 'ContestantError';
}

/** One side of the benchmark in a process of its own, so that each has its own peak memory. */
export class Contestant {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = '';

  private constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args);
    this.#process.stderr.on('data', (data: Buffer) => (this.#errors += data.toString()));
    // Where it can't start, the lines end too; the reason stands among the errors.
    this.#process.on('error', ({ message }) => (this.#errors += message));
    this.#process.stdin.on('error', () => undefined);
    this.#reader = createInterface(this.#process.stdout);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /**
   * Resolves to the process and what it calls itself, once it is ready.
   * @throws ContestantError where it does not start, with its words
   */
  static async start(
    command: string,
    args: readonly string[],
  ): Promise<{ contestant: Contestant; name: string }> {
    const contestant = new Contestant(command, args);
    const { name } = (await contestant.#next(command)) as { name: string };
    return { contestant, name };
  }

  async ask<Asked extends Message>(message: Asked): Promise<Replies[Asked['kind']]> {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`);
    return (await this.#next(message.kind)) as Replies[Asked['kind']];
  }

  stop(): void {
    this.#reader.close();
    this.#process.kill();
  }

  async #next(asked: string): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done === true) {
      throw new ContestantError(`${asked}: expected an answer, got ${this.#errors.trim()}`);
    }
    return JSON.parse(line.value);
  }
}
