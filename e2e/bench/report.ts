import { directions, type Direction } from '../../runtime/bench/convolution-case';
import { numMicroBatches } from './stage';
import { geometricMean } from '../../runtime/bench/timing';

export const peerNames = ['tfjs', 'ort', 'jaxjs'] as const;
export type PeerName = (typeof peerNames)[number];
export type ContestantName = 'tandem' | PeerName;

/** One convolution in one direction; only who was right was timed. */
export interface Measurement {
  readonly name: string;
  readonly layer: string;
  readonly kernel: number;
  readonly direction: Direction;
  /** How often the network has the convolution. */
  readonly count: number;
  /** Floating-point operations of one run. */
  readonly operations: number;
  /** Bytes that one run must move at least. */
  readonly bytes: number;
  readonly ms: Partial<Record<ContestantName, number>>;
  /** What multiply-adds in registers reached in the same turns. */
  readonly peakGigaflops: number;
}

/** Why a peer has no number. */
export interface Absence {
  readonly reason: string;
}

/** How many times faster than the peer; geometric means over the network's convolutions. */
export type Ratios = Partial<Record<Direction, number | Absence>>;

/** What `--json` prints as one line. */
export interface Report {
  readonly device: string;
  /** Whether all of Tandem's own results were right. */
  readonly correct: boolean;
  readonly ratios: Readonly<Record<PeerName, Ratios | Absence>>;
  /** By layer: the part of the measured peak that its 3x3 convolutions reach, both ways together. */
  readonly fmaShare: Readonly<Record<string, number>>;
  /**
   * A training step from layer3.0 to the head, and its convolutions by themselves; absent where not
   * all of their layers were asked for.
   */
  readonly stage?: { readonly ms: number; readonly convMs: number };
  /** Of multiply-adds in registers: the median of what was measured beside each convolution. */
  readonly peak: { readonly gigaflops: number; readonly how: string };
  readonly gigabytesPerSecond: number;
  readonly settings: {
    readonly size: number;
    readonly batch: number;
    readonly repetitions: number;
    readonly software: boolean;
  };
  readonly measurements: readonly Measurement[];
  /** Of the whole benchmark. */
  readonly seconds: number;
  /** Who could not run what, or got it wrong. */
  readonly failures: readonly string[];
}

/** @param unable why a peer has no number in a direction in which it has none */
export function ratiosOf(
  peer: PeerName,
  measurements: readonly Measurement[],
  attempted: readonly Direction[],
  unable: (direction: Direction) => string,
): Ratios {
  const ratios: Ratios = {};
  for (const direction of attempted) {
    const both = measurements.flatMap(({ direction: own, count, ms }) =>
      own === direction && ms[peer] !== undefined && ms.tandem !== undefined
        ? [{ value: ms[peer] / ms.tandem, weight: count }]
        : [],
    );
    ratios[direction] =
      both.length > 0 ? round(geometricMean(both)) : { reason: unable(direction) };
  }
  return ratios;
}

/** By layer: operations of the 3x3 convolutions as a part of what the peak makes of their time. */
export function fmaShareOf(measurements: readonly Measurement[]): Record<string, number> {
  const shares: Record<string, number> = {};
  for (const layer of ['layer1', 'layer2', 'layer3', 'layer4']) {
    const own = measurements.filter((each) => each.layer === layer && each.kernel === 3);
    const operations = own.reduce((sum, each) => sum + each.count * each.operations, 0);
    const possible = own.reduce(
      (sum, { count, ms, peakGigaflops }) => sum + count * (ms.tandem ?? NaN) * peakGigaflops * 1e6,
      0,
    );
    if (own.length > 0) shares[layer] = round(operations / possible);
  }
  return shares;
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** The head of the table that {@link measurementLine} fills. */
export function tableHead(): string {
  const columns = ['Tandem', 'TF.js', 'ORT', 'jax-js', 'of peak', 'of bandwidth'];
  return `${'GFLOP/s'.padEnd(nameWidth)}${columns.map((name) => name.padStart(14)).join('')}`;
}

const nameWidth = 54;

export function measurementLine(
  { name, direction, ms, operations, bytes, peakGigaflops }: Measurement,
  gigabytesPerSecond: number,
): string {
  const gigaflops = (who: ContestantName): string =>
    ms[who] === undefined ? '-' : (operations / ms[who] / 1e6).toPrecision(3);
  const own = ms.tandem ?? NaN;
  const columns = [
    ...(['tandem', ...peerNames] as const).map(gigaflops),
    percent(operations / own / 1e6 / peakGigaflops),
    percent(bytes / own / 1e6 / gigabytesPerSecond),
  ];
  return `${`${name}, ${words[direction]}`.padEnd(nameWidth)}${columns.map((text) => text.padStart(14)).join('')}`;
}

const words: Readonly<Record<Direction, string>> = {
  forward: 'forward',
  inputGradient: 'input gradient',
  weightGradient: 'weight gradient',
};

const peerTitles: Readonly<Record<PeerName, string>> = {
  tfjs: 'TensorFlow.js',
  ort: 'ONNX Runtime Web',
  jaxjs: 'jax-js',
};

/** The report for people, behind the table. */
export function summaryLines(report: Report): string[] {
  const { stage, peak, fmaShare, failures } = report;
  const lines = [''];
  for (const peer of peerNames) {
    const ratios = report.ratios[peer];
    if ('reason' in ratios) {
      lines.push(`${peerTitles[peer]}: not measured: ${ratios.reason}`);
      continue;
    }
    const parts = directions.flatMap((direction) => {
      const ratio = ratios[direction];
      if (ratio === undefined) return [];
      const text = typeof ratio === 'number' ? `${ratio.toPrecision(3)}x` : `- (${ratio.reason})`;
      return [`${words[direction]} ${text}`];
    });
    lines.push(`Tandem against ${peerTitles[peer]}: ${parts.join(', ')}`);
  }
  const shares = Object.entries(fmaShare).map(([layer, share]) => `${layer} ${percent(share)}`);
  lines.push(
    `3x3 convolutions, of the multiply-add peak (median ${peak.gigaflops.toPrecision(3)} GFLOP/s): ${shares.join(', ')}`,
    ...(stage
      ? [
          `Stage layer3.0 to head, ${numMicroBatches} micro-batches: ${stage.ms.toPrecision(4)} ms a step, its convolutions alone ${stage.convMs.toPrecision(4)} ms: ${(stage.ms / stage.convMs).toPrecision(3)}x`,
        ]
      : []),
    ...failures.map((failure) => `Left out: ${failure}`),
  );
  lines.push(`Took ${report.seconds} s`);
  if (!report.correct) lines.push('Some of Tandem’s own results are wrong.');
  return lines;
}

function percent(part: number): string {
  if (Number.isNaN(part)) return '-';
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)}%`;
}
