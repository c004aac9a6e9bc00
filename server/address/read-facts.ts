import { existsSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import type { NetworkFacts } from './network-link';

const linuxFolder = '/sys/class/net';

/** The interfaces as they are now, with what Linux tells of their hardware. */
export function readNetworkFacts(): NetworkFacts {
  const interfaces = networkInterfaces();
  const drivers = new Map<string, string>();
  const radios = new Set<string>();
  if (process.platform === 'linux') {
    for (const name of Object.keys(interfaces)) {
      const driver = driverOf(name);
      if (driver !== undefined) drivers.set(name, driver);
      if (existsSync(join(linuxFolder, name, 'wireless'))) radios.add(name);
    }
  }
  return { platform: process.platform, interfaces, drivers, radios };
}

/** Virtual interfaces have none. */
function driverOf(name: string): string | undefined {
  try {
    return basename(readlinkSync(join(linuxFolder, name, 'device/driver')));
  } catch {
    return undefined;
  }
}
