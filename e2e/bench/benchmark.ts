import type { RequestedDevice } from '../../runtime/webgpu/device';
import {
  disagreement,
  referenceError,
  sampleReference,
} from '../../runtime/bench/sampled-reference';
import type { Prepared } from '../../runtime/bench/prepare-convolution';
import {
  directions,
  floatingPointOperations,
  isTrained,
  makeCaseData,
  operandBytes,
  resNet34Cases,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from '../../runtime/bench/convolution-case';
import { measureBandwidth, measurePeak, type Peak } from '../../runtime/bench/peak';
import {
  fmaShareOf,
  measurementLine,
  peerNames,
  ratiosOf,
  round,
  summaryLines,
  tableHead,
  type ContestantName,
  type Measurement,
  type PeerName,
  type Report,
} from './report';
import { measureStage, stageLayers } from './stage';
import { tandem, type Contestant } from './contestant';
import { median, medianMs } from '../../runtime/bench/timing';

/** A peer and how to start it, or why it can't be. */
export type Peer = (() => Contestant | Promise<Contestant>) | { readonly reason: string };

export interface BenchmarkOptions {
  /** Height and width of the pictures; 224 on a GPU, 112 in software. */
  readonly size?: number;
  /** Pictures; 16 on a GPU, 2 in software. */
  readonly batch?: number;
  /** Timed samples of each; the median counts. */
  readonly repetitions?: number;
  /** Only these layers, as `layer3`. */
  readonly layers?: readonly string[];
}

interface Entered {
  readonly name: ContestantName;
  readonly contestant: Contestant;
}

/**
 * Measures Tandem's convolutions and its peers' in turns, after checking each result, and a whole
 * training stage.
 * @param say gets the lines for people as they come
 */
export async function runBenchmark(
  requested: RequestedDevice,
  peers: Readonly<Record<PeerName, Peer>>,
  options: BenchmarkOptions,
  say: (line: string) => void,
): Promise<Report> {
  const start = performance.now();
  const { device, description } = requested;
  const software = /swiftshader|llvmpipe|lavapipe/i.test(description);
  const {
    size = software ? 112 : 224,
    batch = software ? 2 : 16,
    repetitions = software ? 3 : 9,
  } = options;
  const cases = resNet34Cases(size, batch).filter(
    ({ layer }) => options.layers?.includes(layer) ?? true,
  );
  say(`${description}${software ? ' (in software)' : ''}`);
  say(`ResNet-34, ${batch} pictures of ${size} x ${size}, medians of ${repetitions} samples`);
  const peak = await measurePeak(device, { software, repetitions });
  const gigabytesPerSecond = await measureBandwidth(device, { software, repetitions });
  say(`Multiply-add peak ${peak.gigaflops.toPrecision(3)} GFLOP/s (${peak.how})`);
  say(`Bandwidth of a copy ${gigabytesPerSecond.toPrecision(3)} GB/s`);

  const entered: Entered[] = [{ name: 'tandem', contestant: tandem(device) }];
  const absent = new Map<PeerName, string>();
  for (const name of peerNames) {
    const peer = peers[name];
    try {
      if (typeof peer === 'function') entered.push({ name, contestant: await peer() });
      else absent.set(name, peer.reason);
    } catch (error) {
      absent.set(name, messageOf(error));
    }
  }

  const match = new Match(peak, repetitions);
  say(tableHead());
  for (const each of cases) {
    const data = makeCaseData(each);
    for (const direction of directions) {
      if (!isTrained(each, direction)) continue;
      const measurement = await match.measure(entered, each, direction, data);
      say(measurementLine(measurement, gigabytesPerSecond));
    }
  }
  const { measurements, failures, wrong } = match;
  const hasStage = stageLayers.every((layer) => options.layers?.includes(layer) ?? true);
  const stage = hasStage && (await measureStage(requested, size, batch, repetitions));
  peak.dispose();
  const peerRatios = (name: PeerName): Report['ratios'][PeerName] => {
    const reason = absent.get(name);
    if (reason !== undefined) return { reason };
    const attempted = entered.find((each) => each.name === name)?.contestant.directions ?? [];
    return ratiosOf(name, measurements, attempted, (direction) => {
      const about = failures.find(
        (line) => line.startsWith(`${name} `) && line.includes(direction),
      );
      return about ?? 'no case was measured';
    });
  };
  const report: Report = {
    device: description,
    correct: !wrong.has('tandem'),
    ratios: { tfjs: peerRatios('tfjs'), ort: peerRatios('ort'), jaxjs: peerRatios('jaxjs') },
    fmaShare: fmaShareOf(measurements),
    ...(stage ? { stage: { ms: round(stage.ms), convMs: round(stage.convMs) } } : {}),
    peak: { gigaflops: medianPeak(measurements), how: peak.how },
    gigabytesPerSecond: round(gigabytesPerSecond),
    settings: { size, batch, repetitions, software },
    measurements,
    seconds: Math.round((performance.now() - start) / 1000),
    failures,
  };
  for (const line of summaryLines(report)) say(line);
  return report;
}

/** All cases, one after the other, and who fell out of them. */
class Match {
  readonly measurements: Measurement[] = [];
  readonly failures: string[] = [];
  readonly wrong = new Set<ContestantName>();
  readonly #peak: Peak;
  readonly #repetitions: number;

  constructor(peak: Peak, repetitions: number) {
    this.#peak = peak;
    this.#repetitions = repetitions;
  }

  async measure(
    entered: readonly Entered[],
    each: ConvolutionCase,
    direction: Direction,
    data: CaseData,
  ): Promise<Measurement> {
    const right = await this.#prepareAndCheck(entered, each, direction, data);
    const runs = right.map(
      ({ prepared }) =>
        (count: number) =>
          prepared.run(count),
    );
    // The device's clock may change within the benchmark: each case has a peak of its own moment.
    runs.push((count) => this.#peak.run(count));
    const times = await medianMs(runs, this.#repetitions);
    for (const { prepared } of right) await prepared.dispose();
    const measurement: Measurement = {
      name: each.name,
      layer: each.layer,
      kernel: each.operation.kernel,
      direction,
      count: each.count,
      operations: floatingPointOperations(each),
      bytes: operandBytes(each),
      ms: Object.fromEntries(right.map(({ name }, index) => [name, round(times[index] ?? NaN)])),
      peakGigaflops: round(this.#peak.operations / (times.at(-1) ?? NaN) / 1e6),
    };
    this.measurements.push(measurement);
    return measurement;
  }

  /** Those whose result is right: at the sampled places in float64, and everywhere as Tandem's. */
  async #prepareAndCheck(
    entered: readonly Entered[],
    each: ConvolutionCase,
    direction: Direction,
    data: CaseData,
  ): Promise<{ name: ContestantName; prepared: Prepared }[]> {
    const reference = sampleReference(each, direction, data);
    const right: { name: ContestantName; prepared: Prepared }[] = [];
    let own: Float32Array | undefined;
    for (const { name, contestant } of entered) {
      if (!contestant.directions.includes(direction)) continue;
      const leaveOut = (why: string): void => {
        this.failures.push(`${name} ${direction} of ${each.name}: ${why}`);
      };
      let prepared: Prepared | undefined;
      try {
        prepared = await contestant.prepare(each, direction, data);
        const result = await prepared.result();
        const error = referenceError(result, reference);
        const apart = own ? disagreement(result, own, reference) : 0;
        if (error <= 1 && apart <= 1) {
          right.push({ name, prepared });
          if (name === 'tandem') own = result;
          continue;
        }
        this.wrong.add(name);
        leaveOut(
          `wrong: ${error.toPrecision(3)} times the tolerance from float64 in ${reference.places.length} of ${result.length} elements, ${apart.toPrecision(3)} times from Tandem`,
        );
      } catch (error) {
        leaveOut(messageOf(error));
      }
      await prepared?.dispose();
    }
    return right;
  }
}

function medianPeak(measurements: readonly Measurement[]): number {
  return median(measurements.map(({ peakGigaflops }) => peakGigaflops));
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
