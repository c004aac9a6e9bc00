import { differenceFrom } from '../golden/fingerprint';
import { runCase, type OperationCase } from '../golden/operation-case';
import { WebGpuEngine } from '../webgpu/engine';
import type { VerificationCase } from './case';
import type { Comparison } from './comparison';
import { operationNames } from './operation-case';

/** What PyTorch made of operations in float64, and the sampled values of its results. */
export interface GoldenData {
  readonly cases: readonly OperationCase[];
  /** By `case name/result name`. */
  readonly samples: ReadonlyMap<string, Float32Array>;
}

/** The whole engine, one operation at a time, against PyTorch's numbers. */
export function goldenCases({ cases, samples }: GoldenData): VerificationCase[] {
  return cases.map((golden) => ({
    op: operationName(golden),
    shape: shapeOf(golden),
    against: 'PyTorch',
    cost: 0,
    async run(target) {
      const engine = new WebGpuEngine(target);
      try {
        const results = await runCase(engine, golden);
        return Object.entries(golden.results).map(([name, fingerprint]): Comparison => {
          const sample = samples.get(`${golden.name}/${name}`) ?? new Float32Array(0);
          const actual = results.get(name) ?? { shape: [], data: new Float32Array(0) };
          const { largest, mean, projection } = differenceFrom(fingerprint, sample, actual);
          const scale = fingerprint.rms || 1;
          // The projection is about the root mean square error of all values, sampled or not.
          const maxAbs = Math.max(largest, projection) / scale;
          return {
            result: resultName(name),
            maxAbs: Number.isFinite(maxAbs) ? maxAbs : Infinity,
            meanAbs: Number.isFinite(mean) ? mean / scale : Infinity,
          };
        });
      } finally {
        await engine.dispose();
      }
    },
  }));
}

function operationName({ loss, optimizer, operations }: OperationCase): string {
  if (optimizer) return optimizer.config.kind === 'adamw' ? 'AdamW' : 'SGD';
  if (loss) return 'softmax cross-entropy';
  const last = operations.at(-1);
  return last ? operationNames[last.kind] : 'nothing';
}

/** The case's name without the operation's: `3x3 stride 1, 3 to 16 channels, 2x32x32`. */
function shapeOf(golden: OperationCase): string {
  const { name } = golden;
  const op = operationName(golden);
  return name.startsWith(op) ? name.slice(op.length).replace(/^,? /, '') : name;
}

/** `inputGradient` and `gradient.conv.weight` as people write them. */
function resultName(name: string): string {
  if (name === 'inputGradient') return 'input gradient';
  const [, parameter] = /^gradient[.](.*)$/.exec(name) ?? [];
  return parameter === undefined ? name : `${parameter} gradient`;
}
