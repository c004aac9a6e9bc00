import { describeTransport } from '../link/description';
import type { Comparison, Convolutions, Findings, Hiding, Link, Submits } from './report';
import { directions, type Direction } from './convolution-case';

/* What a benchmark found as people read it, on the page and in a terminal alike. */

/** `0.06`, `0.84`, `12.3`, `1230`. */
export function figure(value: number): string {
  if (value < 1) return value.toFixed(2);
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

/** `42%`. */
export function percent(part: number): string {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)}%`;
}

/** Everything but the tables of the convolutions: a name and a value a line. */
export function findingRows({
  peak,
  loops,
  products,
  submits,
  hiding,
  link,
}: Findings): [name: string, value: string][] {
  const rows: [string, string][] = [];
  if (link) rows.push(...linkRows(link));
  if (peak) {
    rows.push(['Multiply-adds', `${figure(peak.gigaflops)} GFLOP/s`]);
    rows.push(['Copying', `${figure(peak.gigabytesPerSecond)} GB/s`]);
  }
  if (loops) rows.push(...comparisonRows(loops, loopWords));
  if (products) rows.push(...comparisonRows(products, productWords));
  if (submits) rows.push(['Longest submit', submitsWords(submits)]);
  if (hiding) rows.push(['Page hidden', hidingWords(hiding)]);
  return rows;
}

/** What a run would take comes first. */
function linkRows({ ways, why = 'no way came about' }: Link): [string, string][] {
  if (ways.length === 0) return [['Link', `not measured: ${why}`]];
  return ways
    .toSorted((a, b) => Number(b.chosen) - Number(a.chosen))
    .map((way) => [way.chosen ? 'Link' : 'Link otherwise', describeTransport(way)]);
}

const loopWords: Readonly<Record<string, string>> = {
  guarded: 'Loop of single steps',
  unrolled: 'Loop of 16 steps',
};

const productWords: Readonly<Record<string, string>> = {
  registers: 'Product from registers',
  workgroup: 'Product by workgroups',
};

/** The first with its rate, each other with how it compares. */
function comparisonRows(
  comparisons: readonly Comparison[],
  words: Readonly<Record<string, string>>,
): [string, string][] {
  const [first] = comparisons;
  return comparisons.map(({ form, gigaflops, right }, index) => {
    const ratio = index > 0 && first ? `, ${(gigaflops / first.gigaflops).toFixed(2)}x` : '';
    const rate = right ? `${figure(gigaflops)} GFLOP/s${ratio}` : 'wrong numbers';
    return [words[form] ?? form, rate];
  });
}

function submitsWords({ steps, ended, atMs, detail = '' }: Submits): string {
  const longest = steps.at(-1);
  const safe = longest ? `${longest.ms.toFixed(0)} ms went well` : 'none went well';
  switch (ended) {
    case 'bound':
      return `${safe}; no longer one was tried`;
    case 'lost':
      return `${safe}; at ${atMs} ms the device was lost (${detail})`;
    case 'hung':
      return `${safe}; at ${atMs} ms it never came back`;
    case 'wrong':
      return `${safe}; at ${atMs} ms the numbers were wrong`;
  }
}

function hidingWords({ hiddenMs, submits, lost, worksAgain }: Hiding): string {
  const seconds = `${(hiddenMs / 1000).toFixed(0)} s`;
  const after = worksAgain ? 'computes right after' : 'does not compute after';
  return lost === undefined
    ? `${seconds}: device kept, ${submits} submits meanwhile, ${after}`
    : `${seconds}: device lost (${lost}), a new one ${after}`;
}

/** How many results of a benchmark were wrong. */
export function wrongCount({ convolutions, loops = [], products = [], submits }: Findings): number {
  const all = [...(convolutions?.measured ?? []), ...loops, ...products];
  return all.filter(({ right }) => !right).length + (submits?.ended === 'wrong' ? 1 : 0);
}

/** A convolution's cells in the order of {@link directions}; undefined where nothing was measured. */
export function convolutionCells(
  { measured }: Convolutions,
  name: string,
): (Convolutions['measured'][number] | undefined)[] {
  return directions.map((direction: Direction) =>
    measured.find((each) => each.name === name && each.direction === direction),
  );
}
