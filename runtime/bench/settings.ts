/** How much a benchmark does. On a GPU all of it takes about a minute. */
export interface BenchSettings {
  readonly software: boolean;
  /** Height and width of the pictures that the convolutions work on. */
  readonly size: number;
  readonly batch: number;
  /** Timed samples of each; the median counts. */
  readonly repetitions: number;
  /** No further convolution begins after this time; no further shape's tiles after the next. */
  readonly convolutionsMs: number;
  readonly tilesMs: number;
  /** Steps of each sum, and threads, of the loops. */
  readonly loopIterations: number;
  readonly loopThreads: number;
  /** Rows, columns and depth of the products. */
  readonly productSize: number;
  /** The longest submit that is tried. */
  readonly longestSubmitMs: number;
}

const gpuSettings: BenchSettings = {
  software: false,
  size: 224,
  batch: 8,
  repetitions: 3,
  convolutionsMs: 30_000,
  tilesMs: 10_000,
  loopIterations: 1024,
  loopThreads: 1 << 18,
  productSize: 1024,
  longestSubmitMs: 2048,
};

/** About a thousandth of what would keep a GPU busy. */
const softwareSettings: BenchSettings = {
  software: true,
  size: 32,
  batch: 1,
  repetitions: 1,
  convolutionsMs: 10_000,
  tilesMs: 4_000,
  loopIterations: 1024,
  loopThreads: 1 << 10,
  productSize: 128,
  longestSubmitMs: 64,
};

export function benchSettings(software: boolean): BenchSettings {
  return software ? softwareSettings : gpuSettings;
}
