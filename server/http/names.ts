import { hostname, networkInterfaces } from 'node:os';
import { hostNames, type HostNames } from '../certificate/names';
import { isLoopback } from './visitor';

/** Interfaces are read anew after this, so that many requests cost little. */
const keptMs = 500;

const loopbackNames = ['localhost', '127.0.0.1', '::1'];

/** By what a server that listens on `address` may be called, at each moment. */
export function namesAt(
  address: string,
  current = (): HostNames => hostNames(networkInterfaces(), hostname()),
): () => ReadonlySet<string> {
  if (isLoopback(address)) {
    const names = new Set([...loopbackNames, address]);
    return () => names;
  }
  let names = new Set<string>();
  let readAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now - readAt > keptMs) {
      readAt = now;
      const { dns, ip } = current();
      names = new Set([...loopbackNames, address, ...dns, ...ip]);
    }
    return names;
  };
}
