import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Certificates, type TlsIdentity } from '../../server/certificate/certificates';
import { startServer, type HostServer } from '../../server/http/server';
import { Devices, type Device } from '../../server/pairing/devices';
import { Pairing } from '../../server/pairing/pairing';
import { pages } from '../pages/scripted-host';

/** An address by which other devices would reach this computer; undefined where it has none. */
export const outsideAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

/**
 * The host's server with HTTPS, for paired devices, which can be stopped and started again at the
 * same ports.
 */
export class SecureHost {
  readonly #folder: string;
  readonly #certificates: Certificates;
  #server: HostServer;
  #pairing: Pairing;

  private constructor(
    folder: string,
    certificates: Certificates,
    pairing: Pairing,
    server: HostServer,
  ) {
    this.#folder = folder;
    this.#certificates = certificates;
    this.#pairing = pairing;
    this.#server = server;
  }

  static async start(): Promise<SecureHost> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-secure-'));
    const ip = ['127.0.0.1', '::1', ...(outsideAddress ? [outsideAddress] : [])];
    const certificates = new Certificates(folder, () => ({ dns: ['localhost'], ip }));
    const pairing = new Pairing(new Devices(folder));
    const server = await listen(certificates, pairing, 0, 0);
    return new SecureHost(folder, certificates, pairing, server);
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

  /** What it presents. */
  identity(): Promise<TlsIdentity> {
    return this.#certificates.identity();
  }

  /** What a link has behind its address: `#` and a fresh code. */
  invitation(): string {
    return `#${this.#pairing.codes.mint()}`;
  }

  devices(): Promise<readonly Device[]> {
    return new Devices(this.#folder).list();
  }

  stop(): Promise<void> {
    return this.#server.close();
  }

  /** As another process would: of the codes nothing is left, of the devices their keys. */
  async startAgain(): Promise<void> {
    this.#pairing = new Pairing(new Devices(this.#folder));
    const { port, securePort } = this;
    this.#server = await listen(this.#certificates, this.#pairing, port, securePort);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.#folder, { recursive: true });
  }
}

function listen(
  certificates: Certificates,
  pairing: Pairing,
  port: number,
  securePort: number,
): Promise<HostServer> {
  const secure = { port: securePort, certificates };
  return startServer('0.0.0.0', port, { pages, secure, pairing });
}

function portOf(url = ''): number {
  return Number(new URL(url).port);
}
