import { expectTensors } from '../../../server/collector';
import { nodePlatform } from '../../../server/link/node-platform';
import { measureLink } from './measure';
import { measureTlsSocket } from './tls-socket';

/** What the process is to measure, and with whom. */
export interface NodeOrder {
  readonly what: 'socket' | 'link';
  readonly origin: string;
  readonly tlsPort: number;
  readonly ca: string;
  readonly forMs: number;
}

export type NodeAnswer =
  { readonly down: number; readonly up: number } | { readonly error: string };

async function carryOut(order: NodeOrder): Promise<{ down: number; up: number }> {
  const { what, origin, tlsPort, ca, forMs } = order;
  if (what === 'socket') return measureTlsSocket(tlsPort, ca, forMs);
  return measureLink(origin, nodePlatform({ ca }), 'auto', forMs, false);
}

expectTensors();
process.on('message', (order: NodeOrder) => {
  carryOut(order).then(
    (rates: NodeAnswer) => process.send?.(rates),
    (error: unknown) => process.send?.({ error: String(error) } satisfies NodeAnswer),
  );
});
