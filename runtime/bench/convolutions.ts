import {
  directions,
  floatingPointOperations,
  isTrained,
  makeCaseData,
  resNet34Cases,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from './convolution-case';
import type { Peak } from './peak';
import { prepareConvolution } from './prepare-convolution';
import type { Convolutions, MeasuredConvolution } from './report';
import { referenceError, sampleReference } from './sampled-reference';
import type { BenchSettings } from './settings';
import { medianMs } from './timing';

/**
 * ResNet-34's distinct convolutions in all directions: each is checked, then timed in turns with the
 * peak, since a device's clock changes.
 *
 * @param begin told of each; `part` of them are done
 * @param found told of all that is measured, after each
 */
export async function measureConvolutions(
  device: GPUDevice,
  peak: Peak,
  { size, batch, repetitions, convolutionsMs }: BenchSettings,
  begin: (what: string, part: number) => void,
  found: (convolutions: Convolutions) => void,
): Promise<void> {
  const all = resNet34Cases(size, batch).flatMap((convolution) =>
    directions.flatMap((direction) =>
      isTrained(convolution, direction) ? [{ convolution, direction }] : [],
    ),
  );
  const start = performance.now();
  const measured: MeasuredConvolution[] = [];
  let data: { readonly of: ConvolutionCase; readonly values: CaseData } | undefined;
  for (const { convolution, direction } of all) {
    if (performance.now() - start > convolutionsMs) break;
    begin(`${convolution.name}, ${directionWords[direction]}`, measured.length / all.length);
    if (data?.of !== convolution) data = { of: convolution, values: makeCaseData(convolution) };
    measured.push(await measure(device, peak, convolution, direction, data.values, repetitions));
    found({ size, batch, measured, leftOut: all.length - measured.length });
  }
}

export const directionWords: Readonly<Record<Direction, string>> = {
  forward: 'forward',
  inputGradient: 'input gradient',
  weightGradient: 'weight gradient',
};

async function measure(
  device: GPUDevice,
  peak: Peak,
  convolution: ConvolutionCase,
  direction: Direction,
  data: CaseData,
  repetitions: number,
): Promise<MeasuredConvolution> {
  const { name, count } = convolution;
  const prepared = await prepareConvolution(device, convolution, direction, data);
  try {
    const reference = sampleReference(convolution, direction, data);
    const right = referenceError(await prepared.result(), reference) <= 1;
    if (!right) return { name, direction, count, right };
    const runs = [(times: number) => prepared.run(times), (times: number) => peak.run(times)];
    const [ms = NaN, peakMs = NaN] = await medianMs(runs, repetitions);
    const gigaflops = floatingPointOperations(convolution) / ms / 1e6;
    const peakGigaflops = peak.operations / peakMs / 1e6;
    return { name, direction, count, right, ms, gigaflops, peakShare: gigaflops / peakGigaflops };
  } finally {
    await prepared.dispose();
  }
}
