import { transports, type Transport } from './control';

/** What carries each direction. */
export interface Pair {
  readonly down: Transport;
  readonly up: Transport;
}

/** What a pair moved while both directions were full. */
export interface Measured extends Pair {
  readonly downBytesPerSecond: number;
  readonly upBytesPerSecond: number;
}

/** Lanes by what they serve; more than three WebSockets were no faster in any browser. */
export const webSocketNames = ['ws-0', 'ws-1', 'ws-2'] as const;
const laneNames: Readonly<
  Record<Transport, { readonly down: readonly string[]; readonly up: readonly string[] }>
> = {
  websocket: { down: ['ws-0'], up: ['ws-0'] },
  websockets: { down: webSocketNames, up: webSocketNames },
  https: { down: ['get'], up: ['post'] },
  stream: { down: ['stream'], up: ['stream'] },
};

export function lanesOf(transport: Transport, direction: 'down' | 'up'): readonly string[] {
  return laneNames[transport][direction];
}

/** Whether these open lanes allow the pair. */
export function isOpen({ down, up }: Pair, open: ReadonlySet<string>): boolean {
  return [...lanesOf(down, 'down'), ...lanesOf(up, 'up')].every((name) => open.has(name));
}

/** The same way down and up, for each that these open lanes allow, simplest first. */
export function pairsOf(open: ReadonlySet<string>): Pair[] {
  return transports.map((way) => ({ down: way, up: way })).filter((pair) => isOpen(pair, open));
}

/** What was fastest down with what was fastest up; undefined where that is one and the same. */
export function mixtureOf(measured: readonly Measured[]): Pair | undefined {
  const { down } = most(measured, ({ downBytesPerSecond }) => downBytesPerSecond) ?? {};
  const { up } = most(measured, ({ upBytesPerSecond }) => upBytesPerSecond) ?? {};
  return down === undefined || up === undefined || down === up ? undefined : { down, up };
}

/**
 * Another pair must be this much faster than a simpler one: short measurements of one and the same
 * way differ by a quarter (docs/benchmark-link.md), and several lanes cost more than one.
 */
const clearlyFaster = 1.25;
/** Below this part of the fastest, further measuring changes nothing. */
const farSlower = 0.6;

/**
 * The pair that needs the least time to move as much up as down, which is what a stage moves: an
 * activation comes, and a gradient of its size goes. Of pairs that are about as fast, the first.
 */
export function fastest(measured: readonly Measured[]): Measured | undefined {
  return measured.reduce<Measured | undefined>(
    (best, next) => (!best || rateOf(next) > clearlyFaster * rateOf(best) ? next : best),
    undefined,
  );
}

/** Whether the pair may yet turn out to be the fastest of them. */
export function isInQuestion(pair: Measured, measured: readonly Measured[]): boolean {
  return rateOf(pair) >= farSlower * Math.max(...measured.map(rateOf));
}

/** Harmonic mean of the two directions. */
function rateOf({ downBytesPerSecond, upBytesPerSecond }: Measured): number {
  if (downBytesPerSecond <= 0 || upBytesPerSecond <= 0) return 0;
  return 2 / (1 / downBytesPerSecond + 1 / upBytesPerSecond);
}

function most<Item>(items: readonly Item[], valueOf: (item: Item) => number): Item | undefined {
  return items.reduce<Item | undefined>(
    (best, next) => (best === undefined || valueOf(next) > valueOf(best) ? next : best),
    undefined,
  );
}
