import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect } from 'node:tls';
import * as v from 'valibot';
import { codeOf } from '../../runtime/pairing/proof';
import { homeFolder } from '../home/folder';
import { readPrivate, writePrivate } from '../home/private-file';
import { isLoopback, nameOf } from '../http/visitor';

/** How a Node worker gets to a host. */
export interface HostAddress {
  /** `https://172.20.10.2:7443`, or plain http on this computer. */
  readonly origin: string;
  /** The only authority to trust; undefined where the system's are to decide. */
  readonly ca: string | undefined;
  readonly code: string | undefined;
}

/** The host at this address is not the one that the link, or an earlier visit, names. */
export class HostIdentityError extends Error {
  override readonly name = 'HostIdentityError';
}

const door = v.looseObject({ securePort: v.number() });
const limitMs = 10_000;

/**
 * Finds the secure address behind a link that a host printed, and makes sure that it is that host:
 * the link's fragment names its authority, which is remembered for the next time.
 * @throws HostIdentityError, HomeError, or what the network throws
 */
export async function reachHost(link: URL, folder = homeFolder()): Promise<HostAddress> {
  const code = codeOf(link.hash);
  const name = nameOf(link);
  const isPlain = link.protocol === 'http:' || link.protocol === 'ws:';
  if (isPlain && isLoopback(name)) return { origin: `http://${link.host}`, ca: undefined, code };
  const port = isPlain ? await securePortOf(link.host) : Number(link.port || 443);
  const host = `${link.hostname}:${port}`;
  const pins = new Pins(folder);
  const [, named] = /\.([\w-]{22})$/.exec(link.hash) ?? [];
  const expected = named ?? (await pins.get(host));
  const origin = `https://${host}`;
  if (expected === undefined) return { origin, ca: undefined, code };
  const authority = await authorityAt(name, port);
  const got = shortFingerprint(authority);
  if (got !== expected) {
    const whence = named === undefined ? 'it had when it was joined before' : 'of the link';
    throw new HostIdentityError(
      `${host} shows another certificate (${got}) than the one ${whence} (${expected}): take the link that the host prints now, on that computer's own screen`,
    );
  }
  if (named !== undefined) await pins.set(host, named);
  return { origin, ca: authority.toString(), code };
}

/** 132 bits of the certificate's SHA-256: as a link carries it. */
export function shortFingerprint({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url').slice(0, 22);
}

async function securePortOf(host: string): Promise<number> {
  const signal = AbortSignal.timeout(limitMs);
  const response = await fetch(`http://${host}/door.json`, { signal });
  return v.parse(door, await response.json()).securePort;
}

/** The authority that the host presents; whether to believe it is for the caller to say. */
function authorityAt(host: string, port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: limitMs });
    socket.on('error', reject);
    socket.on('timeout', () => socket.destroy(new Error(`no answer in ${limitMs / 1000} s`)));
    socket.on('secureConnect', () => {
      const { issuerCertificate } = socket.getPeerCertificate(true);
      // Without the whole chain there is none, whatever the types say.
      const raw = (issuerCertificate as { raw?: Buffer } | undefined)?.raw;
      socket.destroy();
      if (raw) resolve(new X509Certificate(raw));
      else reject(new HostIdentityError(`${host}:${port} shows no certificate authority`));
    });
  });
}

/** Which authority each host had, by `host:port`. */
class Pins {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, 'hosts.json');
  }

  async get(host: string): Promise<string | undefined> {
    return (await this.#read())[host];
  }

  async set(host: string, fingerprint: string): Promise<void> {
    const pins = { ...(await this.#read()), [host]: fingerprint };
    await writePrivate(this.#path, `${JSON.stringify(pins, null, 1)}\n`);
  }

  async #read(): Promise<Record<string, string>> {
    const text = await readPrivate(this.#path);
    if (text === undefined) return {};
    const parsed = v.safeParse(v.record(v.string(), v.string()), parseJson(text));
    return parsed.success ? parsed.output : {};
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
