import { isIPv4 } from 'node:net';
import type { networkInterfaces } from 'node:os';

type Interfaces = ReturnType<typeof networkInterfaces>;

/** By what a browser may call this computer. */
export interface HostNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/**
 * The names that the certificate vouches for and that requests may use: the computer's own, and
 * each address that a person can type (an IPv6 link-local address works in no browser).
 */
export function hostNames(interfaces: Interfaces, hostname: string): HostNames {
  const addresses = Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && (isIPv4(address) || isUniqueLocal(address)))
    .map(({ address }) => address);
  const label =
    hostname
      .split('.', 1)[0]
      ?.toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '-') ?? '';
  const own = /^[a-z0-9]/.test(label) && label !== 'localhost' ? [label, `${label}.local`] : [];
  return {
    dns: ['localhost', ...own],
    ip: ['127.0.0.1', '::1', ...new Set(addresses)],
  };
}

/** IPv6 for private networks: fc00::/7. */
function isUniqueLocal(address: string): boolean {
  return /^f[cd]/i.test(address);
}
