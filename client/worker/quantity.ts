/** Bytes as people read them, in steps of a thousand: `640 kB`, `12.3 MB`, `1.24 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** A rate with three figures or so: `0.42`, `7.3`, `128`; a dash until it is known. */
export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return '–';
  if (perSecond >= 100) return perSecond.toFixed(0);
  return perSecond.toFixed(perSecond >= 1 ? 1 : 2);
}

/** The part of the whole in 0 … 1; undefined when the whole is not known. */
export function fractionOf(part: number, whole: number | undefined): number | undefined {
  if (whole === undefined || whole <= 0) return undefined;
  return Math.min(1, Math.max(0, part / whole));
}

/** `37%`; never 100% before the whole is there. */
export function formatPercent(fraction: number): string {
  return `${Math.floor(fraction * 100)}%`;
}
