import type { Measured, Pair } from './choice';
import { isInQuestion, lanesOf, mixtureOf } from './choice';
import { encodeControl, type HostControl, type WorkerControl } from './control';
import type { Lane, Link } from './link';
import type { LinkPlatform } from './platform';
import { ProbeSender } from './probe';
import { encodeRecord } from './record';

/** How long a pair is kept full at a time: first until both ways are full, then for the count. */
const fillMs = 50;
const countMs = 100;
/** So many times each, in turns: what disturbs the machine for a moment disturbs none alone. */
const maxTurns = 3;
/** How long what is on the way may take once a run was stopped. */
const drainLimitMs = 200;
const drainPollMs = 2;

/** What a pair moved, over all of its turns. */
class Tally {
  readonly pair: Pair;
  readonly #total = { down: 0, up: 0, ms: 0 };

  constructor(pair: Pair) {
    this.pair = pair;
  }

  add({ down, up, ms }: Moved): void {
    this.#total.down += down;
    this.#total.up += up;
    this.#total.ms += ms;
  }

  get measured(): Measured {
    const { down, up, ms } = this.#total;
    return {
      ...this.pair,
      downBytesPerSecond: (1000 * down) / ms,
      upBytesPerSecond: (1000 * up) / ms,
    };
  }
}

/** Bytes each way in a time. */
interface Moved {
  readonly down: number;
  readonly up: number;
  readonly ms: number;
}

/** One pair's turn: both directions are full at the same time, as in training. */
class Run {
  readonly #number: number;
  readonly #platform: LinkPlatform;
  readonly #up: readonly Lane[];
  readonly #sender: ProbeSender;
  #downBytes = 0;
  #upBytes = 0;
  readonly #stoppedLanes = new Set<string>();

  constructor(number: number, up: readonly Lane[], platform: LinkPlatform) {
    this.#number = number;
    this.#platform = platform;
    this.#up = up;
    this.#sender = new ProbeSender(number, up);
  }

  async measure({ down, up }: Pair): Promise<Moved> {
    const downLanes = lanesOf(down, 'down');
    this.#say({
      type: 'probe',
      run: this.#number,
      down: [...downLanes],
      up: [...lanesOf(up, 'up')],
    });
    this.#sender.start();
    await this.#sleep(fillMs);
    const before = this.#now();
    await this.#sleep(countMs);
    // Between two times, not two arrivals: so a burst does not look like a fast link.
    const after = this.#now();
    this.#sender.stop();
    this.#say({ type: 'probe-stop', run: this.#number });
    const isDrained = (): boolean =>
      this.#sender.isDrained && downLanes.every((name) => this.#stoppedLanes.has(name));
    const drainEnd = this.#platform.now() + drainLimitMs;
    while (!isDrained() && this.#platform.now() < drainEnd) await this.#sleep(drainPollMs);
    return {
      down: after.down - before.down,
      up: after.up - before.up,
      ms: after.ms - before.ms,
    };
  }

  takeProbe(run: number, bytes: number): void {
    if (run !== this.#number) return;
    this.#downBytes += bytes;
    this.#say({ type: 'took', run, bytes });
  }

  takeAcknowledgement(run: number, bytes: number): void {
    if (run !== this.#number) return;
    this.#upBytes += bytes;
    this.#sender.took(bytes);
  }

  laneStopped(run: number, lane: Lane): void {
    if (run === this.#number) this.#stoppedLanes.add(lane.name);
  }

  #now(): Moved {
    return { down: this.#downBytes, up: this.#upBytes, ms: this.#platform.now() };
  }

  #say(message: WorkerControl): void {
    const body = [encodeControl(message)];
    this.#up[0]?.send(encodeRecord({ kind: 'control', sequence: 0, body }));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#platform.after(ms, resolve));
  }
}

/** Measures pairs in turns, for half a second up to two; the worker's end of it. */
export class Measurement {
  readonly #link: Link;
  readonly #platform: LinkPlatform;
  #run: Run | undefined;
  #numRuns = 0;

  constructor(link: Link, platform: LinkPlatform) {
    this.#link = link;
    this.#platform = platform;
  }

  /**
   * Measures each pair, then again those that may yet be the fastest, with the mixture of what was
   * fastest down and up.
   */
  async measure(pairs: readonly Pair[]): Promise<Measured[]> {
    const tallies = pairs.map((pair) => new Tally(pair));
    await this.#turn(tallies);
    const measured = (): Measured[] => tallies.map((tally) => tally.measured);
    const mixture = mixtureOf(measured());
    if (mixture) {
      const mixed = new Tally(mixture);
      await this.#turn([mixed]);
      tallies.push(mixed);
    }
    for (let turn = 2; turn <= maxTurns; turn++) {
      const left = tallies.filter((tally) => isInQuestion(tally.measured, measured()));
      if (left.length < 2) break;
      await this.#turn(left);
    }
    return measured();
  }

  async #turn(tallies: readonly Tally[]): Promise<void> {
    for (const tally of tallies) {
      const up = this.#link.find(lanesOf(tally.pair.up, 'up'));
      this.#run = new Run(++this.#numRuns, up, this.#platform);
      tally.add(await this.#run.measure(tally.pair));
    }
  }

  takeProbe(run: number, bytes: number): void {
    this.#run?.takeProbe(run, bytes);
  }

  take(message: Extract<HostControl, { run: number }>, lane: Lane): void {
    if (message.type === 'took') this.#run?.takeAcknowledgement(message.run, message.bytes);
    else this.#run?.laneStopped(message.run, lane);
  }
}
