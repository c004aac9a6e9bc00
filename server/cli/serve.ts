import { hostname, networkInterfaces } from 'node:os';
import { Certificates } from '../certificate/certificates';
import { hostNames, type HostNames } from '../certificate/names';
import { Pairing } from '../pairing/pairing';
import { isLoopback, ListenError, startServer, type HostServer } from '../http/server';

const defaultPort = 7070;
const defaultSecurePort = 7443;
export const defaultPorts = [defaultPort, defaultSecurePort];

export interface ServeOptions {
  readonly listen: string;
  readonly port?: number;
  readonly httpsPort?: number;
}

/**
 * Serves pages and workers, at the usual ports, or any free ones where those are taken. Who joins
 * must be paired. HTTPS is served where other devices can come: on this computer plain http is
 * secure.
 */
export async function serve({ listen, port, httpsPort }: ServeOptions): Promise<HostServer> {
  const address = addressOf(listen);
  const isAlone = isLoopback(address) && httpsPort === undefined;
  const names = (): HostNames => hostNames(networkInterfaces(), hostname(), address);
  const certificates = new Certificates(undefined, names);
  const pairing = new Pairing();
  const start = (plain: number, secure: number): Promise<HostServer> =>
    startServer(address, plain, {
      pairing,
      ...(isAlone ? {} : { secure: { port: secure, certificates } }),
    });
  try {
    return await start(port ?? defaultPort, httpsPort ?? defaultSecurePort);
  } catch (error) {
    const isTaken = error instanceof ListenError && error.portIsTaken;
    if (!isTaken || (port !== undefined && httpsPort !== undefined)) throw error;
    return start(port ?? 0, httpsPort ?? 0);
  }
}

/** `all` and `localhost` to what a server listens on. */
export function addressOf(listen: string): string {
  return listen === 'all' ? '0.0.0.0' : listen === 'localhost' ? '127.0.0.1' : listen;
}
