import type { Measured, Pair } from './choice';
import { lanesOf } from './choice';
import { encodeControl, type HostControl, type WorkerControl } from './control';
import type { Lane, Link } from './link';
import type { LinkPlatform } from './platform';
import { ArrivalRate, ProbeSender } from './probe';
import { encodeRecord } from './record';

/** For all pairs together; what is still on the way then takes a little longer. */
const totalMs = 900;
/** How long what is on the way may take once a run was stopped. */
const drainLimitMs = 300;
const drainPollMs = 2;

/** One pair's run: both directions are full at the same time, as in training. */
class Run {
  readonly #number: number;
  readonly #platform: LinkPlatform;
  readonly #up: readonly Lane[];
  readonly #sender: ProbeSender;
  readonly #downRate = new ArrivalRate();
  readonly #upRate = new ArrivalRate();
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
      downBytesPerSecond: this.#downRate.bytesPerSecond(elapsedMs),
      upBytesPerSecond: this.#upRate.bytesPerSecond(elapsedMs),
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
    if (!this.#stopped) this.#downRate.add(bytes, this.#platform.now());
    this.#say({ type: 'took', run, bytes });
  }

  takeAcknowledgement(run: number, bytes: number): void {
    if (run !== this.#number) return;
    if (!this.#stopped) this.#upRate.add(bytes, this.#platform.now());
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

  async measure(pairs: readonly Pair[]): Promise<Measured[]> {
    const measured: Measured[] = [];
    const end = this.#platform.now() + totalMs;
    for (const [index, pair] of pairs.entries()) {
      const leftMs = end - this.#platform.now();
      if (leftMs <= 0 || !this.#link.isOpen) break;
      const up = this.#link.find(lanesOf(pair.up, 'up'));
      this.#run = new Run(++this.#numRuns, up, this.#platform);
      measured.push(await this.#run.measure(pair, leftMs / (pairs.length - index)));
    }
    this.#run = undefined;
    return measured;
  }

  takeProbe(run: number, bytes: number): void {
    this.#run?.takeProbe(run, bytes);
  }

  take(message: Extract<HostControl, { run: number }>, lane: Lane): void {
    if (message.type === 'took') this.#run?.takeAcknowledgement(message.run, message.bytes);
    else this.#run?.laneStopped(message.run, lane);
  }
}
