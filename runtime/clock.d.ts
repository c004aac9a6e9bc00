// Node, pages and Web Workers have these; they belong to neither's types alone.
declare const performance: {
  /** Milliseconds, of which Safari tells whole ones. */
  now(): number;
};
declare function setTimeout(callback: () => void, ms: number): number;
declare function clearTimeout(timer: number | undefined): void;
