import type { BenchmarkReport, Findings } from '../../runtime/bench/report';
import { limitsOf, type RequestedDevice } from '../../runtime/webgpu/device';
import { post, type Kept } from '../device-page/post';

/** The report of one run, which grows, and goes to the page and the host each time it does. */
export class RunningReport {
  readonly #started = Date.now();
  readonly #tell: (report: BenchmarkReport) => void;
  #report: BenchmarkReport;
  #sending: Promise<Kept> | undefined;
  #waiting: Promise<Kept> | undefined;

  /** @param tell gets each report before the host does */
  constructor(
    { device, description, software = false }: RequestedDevice,
    tell: (report: BenchmarkReport) => void,
  ) {
    this.#tell = tell;
    this.#report = {
      type: 'report',
      run: crypto.randomUUID(),
      device: {
        name: description,
        limits: { ...limitsOf(device) },
        agent: navigator.userAgent,
      },
      software,
      ms: 0,
      state: 'running',
      at: 'the start',
    };
  }

  get findings(): Findings {
    return this.#report;
  }

  add(findings: Findings): void {
    this.#report = { ...this.#report, ...findings };
  }

  /** Resolves when the host has this report or a later one, or has said why not. */
  send(state: BenchmarkReport['state'], at: string): Promise<Kept> {
    const ms = Date.now() - this.#started;
    this.#report = { ...this.#report, state, at: at.slice(0, 2000), ms };
    this.#tell(this.#report);
    // One on its way and one behind it: the latter takes whatever is newest when it leaves.
    if (!this.#sending) return this.#post();
    this.#waiting ??= this.#sending.then(() => this.#post());
    return this.#waiting;
  }

  #post(): Promise<Kept> {
    this.#waiting = undefined;
    const sending = post('/api/bench', this.#report).finally(() => {
      if (this.#sending === sending) this.#sending = undefined;
    });
    this.#sending = sending;
    return sending;
  }
}
