import { isIP } from 'node:net';
import type { networkInterfaces } from 'node:os';
import { isPrivate } from '../address/private-address';

type Interfaces = ReturnType<typeof networkInterfaces>;

/** By what a browser may call this computer. */
export interface HostNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/**
 * The names that the certificate vouches for and that requests may use: the computer's own, and
 * each private address that a person can type (an IPv6 link-local one works in no browser).
 * @param listen the address that a server was told to listen on, if it was one: it may be public
 */
export function hostNames(interfaces: Interfaces, hostname: string, listen?: string): HostNames {
  const addresses = Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .map(({ address }) => address)
    .filter((address) => isPrivate(address) && !address.startsWith('fe80:'))
    .concat(listen !== undefined && isIP(listen) !== 0 && !isUnspecified(listen) ? listen : []);
  const label =
    hostname
      .split('.', 1)[0]
      ?.toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '-') ?? '';
  const own = /^[a-z0-9]/.test(label) && label !== 'localhost' ? [label, `${label}.local`] : [];
  return {
    dns: ['localhost', ...own],
    ip: [...new Set(['127.0.0.1', '::1', ...addresses])],
  };
}

/** Every address of the computer, to one who listens. */
function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
