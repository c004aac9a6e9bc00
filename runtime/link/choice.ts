import { transports, type Transport, type TransportChoice } from './control';

/** What one pair of transports moved while both directions were full. */
export interface Measured {
  readonly down: Transport;
  readonly up: Transport;
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
};

export function lanesOf(transport: Transport, direction: 'down' | 'up'): readonly string[] {
  return laneNames[transport][direction];
}

export interface Pair {
  readonly down: Transport;
  readonly up: Transport;
}

/** The pairs that these open lanes allow, simplest first; of a choice that can't be had, all. */
export function pairsOf(open: ReadonlySet<string>, choice: TransportChoice): Pair[] {
  const works = (direction: 'down' | 'up') => (transport: Transport) =>
    lanesOf(transport, direction).every((name) => open.has(name));
  const pairs = transports
    .filter(works('down'))
    .flatMap((down) => transports.filter(works('up')).map((up) => ({ down, up })));
  const chosen = pairs.filter(({ down, up }) => down === choice && up === choice);
  return chosen.length > 0 ? chosen : pairs;
}

/** Another pair must be this much faster than a simpler one: short measurements scatter. */
const clearlyFaster = 1.1;

/**
 * The pair that needs the least time to move as much up as down, which is what a stage moves: an
 * activation comes, and a gradient of its size goes. Of pairs that are about as fast, the first.
 */
export function fastest(measured: readonly Measured[]): Measured | undefined {
  return measured.reduce<Measured | undefined>(
    (best, next) => (!best || rate(next) > clearlyFaster * rate(best) ? next : best),
    undefined,
  );
}

/** Harmonic mean of the two directions. */
function rate({ downBytesPerSecond, upBytesPerSecond }: Measured): number {
  if (downBytesPerSecond <= 0 || upBytesPerSecond <= 0) return 0;
  return 2 / (1 / downBytesPerSecond + 1 / upBytesPerSecond);
}
