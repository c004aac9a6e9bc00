import type { Row } from './table';

/** A worker in a browser to a bare WebSocket's echo, and one in Node to a plain TLS socket. */
const chosenToEcho = 0.9;
const chosenToSocket = 0.5;
/** Two ways may come this close by the noise of a machine. */
const scatter = 0.05;

/** The targets of docs/benchmark-link.md that these figures miss, each as a line. */
export function missedTargets(result: Readonly<Record<string, readonly Row[]>>): string[] {
  return Object.entries(result).flatMap(([where, rows]) => {
    const target = where === 'node' ? chosenToSocket : chosenToEcho;
    const chosen = rows.find(({ contestant }) => contestant === 'auto');
    const ratio = chosen?.ratio ?? NaN;
    const beside = atLeast(`${where}, chosen beside the bare socket`, target, ratio);
    const [best] = rows
      .slice(1)
      .filter((row) => row !== chosen)
      .sort((a, b) => b.ratio - a.ratio);
    // If it took that way in every round there is but one, and two measurements of it.
    if (!best || chosen?.ways.every((way) => best.ways.includes(way))) return beside;
    const what = `${where}, chosen beside the best single way`;
    return [...beside, ...atLeast(what, 1 - scatter, ratio / best.ratio)];
  });
}

function atLeast(what: string, target: number, ratio: number): string[] {
  if (ratio >= target) return [];
  return [`${what}: expected at least ${target}x, got ${ratio.toFixed(3)}x`];
}
