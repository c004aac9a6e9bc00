import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Certificates } from '../../server/certificate/certificates';
import { startServer, type HostServer } from '../../server/http/server';
import { pages } from '../pages/scripted-host';

/** An address by which other devices would reach this computer; undefined where it has none. */
export const outsideAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

/** The host's server with HTTPS, which can be stopped and started again at the same ports. */
export class SecureHost {
  readonly #folder: string;
  readonly #certificates: Certificates;
  #server: HostServer;

  private constructor(folder: string, certificates: Certificates, server: HostServer) {
    this.#folder = folder;
    this.#certificates = certificates;
    this.#server = server;
  }

  static async start(): Promise<SecureHost> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-secure-'));
    const ip = ['127.0.0.1', '::1', ...(outsideAddress ? [outsideAddress] : [])];
    const certificates = new Certificates(folder, () => ({ dns: ['localhost'], ip }));
    return new SecureHost(folder, certificates, await listen(certificates, 0, 0));
  }

  get server(): HostServer {
    return this.#server;
  }

  get port(): number {
    return portOf(this.#server.url);
  }

  get securePort(): number {
    return portOf(this.#server.secureUrl);
  }

  stop(): Promise<void> {
    return this.#server.close();
  }

  async startAgain(): Promise<void> {
    this.#server = await listen(this.#certificates, this.port, this.securePort);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.#folder, { recursive: true });
  }
}

function listen(certificates: Certificates, port: number, secure: number): Promise<HostServer> {
  return startServer('0.0.0.0', port, { pages, secure: { port: secure, certificates } });
}

function portOf(url = ''): number {
  return Number(new URL(url).port);
}
