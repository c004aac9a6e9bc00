import { networkLinks, type NetworkFacts, type NetworkLink } from './network-link';
import { readNetworkFacts } from './read-facts';

const intervalMs = 2_000;

/**
 * Tells of addresses that come while a run is on: a cable that is plugged in, a hotspot that is
 * switched on. Node has no event for it.
 * @param onNew called with the new links, best first
 * @returns a function that ends it
 */
export function watchLinks(
  onNew: (links: readonly NetworkLink[]) => void,
  read: () => NetworkFacts = readNetworkFacts,
): () => void {
  let known = new Set(networkLinks(read()).map(keyOf));
  const timer = setInterval(() => {
    const links = networkLinks(read());
    const fresh = links.filter((link) => !known.has(keyOf(link)));
    known = new Set(links.map(keyOf));
    if (fresh.length > 0) onNew(fresh);
  }, intervalMs).unref();
  return () => {
    clearInterval(timer);
  };
}

function keyOf({ interface: name, address }: NetworkLink): string {
  return `${name} ${address}`;
}
