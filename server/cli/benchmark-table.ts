import { directions } from '../../runtime/bench/convolution-case';
import { directionWords } from '../../runtime/bench/convolutions';
import type { BenchmarkReport, Convolutions } from '../../runtime/bench/report';
import {
  convolutionCells,
  figure,
  findingRows,
  percent,
  wrongCount,
} from '../../runtime/bench/words';
import { aligned } from './aligned';

/** A benchmark as people read it in a terminal: what was found, then the convolutions and tiles. */
export function benchmarkTable(report: BenchmarkReport): string {
  const { device, software, convolutions, tiles = [], state, at, ms } = report;
  const wrong = wrongCount(report);
  const rows = findingRows(report);
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return [
    `${device.name} (${device.agent})${software ? ', in software: sizes are cut down' : ''}`,
    ...(state === 'broken' ? [`It did not come to its end: ${at}`] : []),
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...(convolutions ? convolutionLines(convolutions) : []),
    ...(tiles.length > 0 ? ['Tiles chosen:'] : []),
    ...tiles.map(
      ({ convolution, direction, chosen }) =>
        `  ${convolution}, ${directionWords[direction]}: ${chosen}`,
    ),
    `${(ms / 1000).toFixed(1)} s, ${wrong === 0 ? 'every result right' : `${wrong} WRONG`}`,
  ].join('\n');
}

function convolutionLines(convolutions: Convolutions): string[] {
  const { measured, size, batch, leftOut } = convolutions;
  const names = [...new Set(measured.map(({ name }) => name))];
  return [
    ...aligned([
      ['GFLOP/s, share of the multiply-adds', ...directions.map((each) => directionWords[each])],
      ...names.map((name) => [
        name,
        ...convolutionCells(convolutions, name).map((cell) => {
          if (!cell) return '-';
          if (!cell.right) return 'WRONG';
          return `${figure(cell.gigaflops ?? NaN)} ${percent(cell.peakShare ?? NaN).padStart(5)}`;
        }),
      ]),
    ]),
    `ResNet-34, ${batch} of ${size}x${size}${leftOut > 0 ? `; no time was left for ${leftOut}` : ''}`,
  ];
}
