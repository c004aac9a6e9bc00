import { Certificates } from '../certificate/certificates';
import { isLoopback, ListenError, startServer, type HostServer } from '../http/server';

const defaultPort = 7070;
const defaultSecurePort = 7443;

export interface ServeOptions {
  readonly listen: string;
  readonly port?: number;
  readonly httpsPort?: number;
}

/**
 * Serves pages and workers, at the usual ports, or any free ones where those are taken. HTTPS is
 * served where other devices can come: on this computer plain http is secure.
 */
export async function serve({ listen, port, httpsPort }: ServeOptions): Promise<HostServer> {
  const isAlone = isLoopback(listen) && httpsPort === undefined;
  const certificates = new Certificates();
  const start = (plain: number, secure: number): Promise<HostServer> =>
    startServer(listen, plain, isAlone ? {} : { secure: { port: secure, certificates } });
  try {
    return await start(port ?? defaultPort, httpsPort ?? defaultSecurePort);
  } catch (error) {
    const isTaken = error instanceof ListenError && error.portIsTaken;
    if (!isTaken || (port !== undefined && httpsPort !== undefined)) throw error;
    return start(port ?? 0, httpsPort ?? 0);
  }
}
