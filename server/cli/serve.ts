import { ListenError, startServer, type HostServer } from '../http/server';

const defaultPort = 7070;

/** Serves pages and workers: at the usual port, or any free one where that is taken. */
export async function serve({
  listen,
  port,
}: {
  readonly listen: string;
  readonly port?: number;
}): Promise<HostServer> {
  try {
    return await startServer(listen, port ?? defaultPort);
  } catch (error) {
    const isTaken = error instanceof ListenError && error.portIsTaken;
    if (port !== undefined || !isTaken) throw error;
    return startServer(listen, 0);
  }
}
