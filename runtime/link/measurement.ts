import type { Measured, Pair } from './choice';
import { fastest, lanesOf } from './choice';
import { encodeControl, type HostControl, type WorkerControl } from './control';
import type { Lane, Link } from './link';
import type { LinkPlatform } from './platform';
import { ProbeSender } from './probe';
import { encodeRecord } from './record';

/** For all pairs together; what is still on the way then takes a little longer. */
const totalMs = 900;
/** How long what is on the way may take once a run was stopped. */
const drainLimitMs = 200;
const drainPollMs = 2;

/** One pair's run: both directions are full at the same time, as in training. */
class Run {
  readonly #number: number;
  readonly #platform: LinkPlatform;
  readonly #up: readonly Lane[];
  readonly #sender: ProbeSender;
  #downBytes = 0;
  #upBytes = 0;
  readonly #stoppedLanes = new Set<string>();
  #stopped = false;

  constructor(number: number, up: readonly Lane[], platform: LinkPlatform) {
    this.#number = number;
    this.#platform = platform;
    this.#up = up;
    this.#sender = new ProbeSender(number, up);
  }

  async measure(pair: Pair, forMs: number): Promise<Measured> {
    const { down, up } = { down: lanesOf(pair.down, 'down'), up: lanesOf(pair.up, 'up') };
    const began = this.#platform.now();
    this.#say({ type: 'probe', run: this.#number, down: [...down], up: [...up] });
    this.#sender.start();
    await this.#sleep(forMs);
    const elapsedMs = this.#platform.now() - began;
    const measured = {
      ...pair,
      // Over the whole run: from arrival to arrival, a burst would look like a fast link.
      downBytesPerSecond: (1000 * this.#downBytes) / elapsedMs,
      upBytesPerSecond: (1000 * this.#upBytes) / elapsedMs,
    };
    this.#stopped = true;
    this.#sender.stop();
    this.#say({ type: 'probe-stop', run: this.#number });
    const isDrained = (): boolean =>
      this.#sender.isDrained && down.every((name) => this.#stoppedLanes.has(name));
    const drainEnd = this.#platform.now() + drainLimitMs;
    while (!isDrained() && this.#platform.now() < drainEnd) await this.#sleep(drainPollMs);
    return measured;
  }

  takeProbe(run: number, bytes: number): void {
    if (run !== this.#number) return;
    if (!this.#stopped) this.#downBytes += bytes;
    this.#say({ type: 'took', run, bytes });
  }

  takeAcknowledgement(run: number, bytes: number): void {
    if (run !== this.#number) return;
    if (!this.#stopped) this.#upBytes += bytes;
    this.#sender.took(bytes);
  }

  laneStopped(run: number, lane: Lane): void {
    if (run === this.#number) this.#stoppedLanes.add(lane.name);
  }

  #say(message: WorkerControl): void {
    const body = encodeControl(message);
    this.#up[0]?.send(encodeRecord({ kind: 'control', sequence: 0, body }));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#platform.after(ms, resolve));
  }
}

/** Measures pair after pair, about one second in all; the worker's end of it. */
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
   * Measures the pairs that go the same way down and up, then the two mixtures of those two that
   * were fastest: five runs at most, so that each is long enough to tell.
   */
  async measure(pairs: readonly Pair[]): Promise<Measured[]> {
    const alike = pairs.filter(({ down, up }) => down === up);
    const numMixed = alike.length > 1 ? 2 : 0;
    const runMs = totalMs / Math.max(1, alike.length + numMixed);
    const measured: Measured[] = [];
    for (const pair of alike) measured.push(await this.#measurePair(pair, runMs));
    const first = fastest(measured);
    const second = fastest(measured.filter((each) => each !== first));
    if (!first || !second) return measured;
    for (const mixed of [
      { down: first.down, up: second.up },
      { down: second.down, up: first.up },
    ]) {
      measured.push(await this.#measurePair(mixed, runMs));
    }
    return measured;
  }

  async #measurePair(pair: Pair, forMs: number): Promise<Measured> {
    const up = this.#link.find(lanesOf(pair.up, 'up'));
    this.#run = new Run(++this.#numRuns, up, this.#platform);
    return this.#run.measure(pair, forMs);
  }

  takeProbe(run: number, bytes: number): void {
    this.#run?.takeProbe(run, bytes);
  }

  take(message: Extract<HostControl, { run: number }>, lane: Lane): void {
    if (message.type === 'took') this.#run?.takeAcknowledgement(message.run, message.bytes);
    else this.#run?.laneStopped(message.run, lane);
  }
}
