import { fastest, type Measured } from '../link/choice';
import type { LinkPlatform } from '../link/platform';
import type { DeviceIdentity } from '../pairing/proof';
import { Connection, type Socket } from '../protocol/connection';
import { ProtocolError } from '../protocol/error';
import {
  parseHostMessage,
  protocolVersion,
  type HostMessage,
  type WorkerMessage,
} from '../protocol/message';
import { joinHost } from '../worker/join-host';
import type { Link } from './report';

/** Who asks for the measurement. */
export interface LinkVisitor {
  /** In words for people. */
  readonly device: string;
  readonly agent: string;
  readonly identity: DeviceIdentity;
}

type HostConnection = Connection<WorkerMessage, HostMessage>;

/**
 * Measures every way to the host, as at join, and says which would be taken, or why nothing was
 * measured: the host lets in paired devices alone. It joins no run.
 * @param origin `https://host:port`, without a path
 */
export async function measureLink(
  origin: string,
  platform: LinkPlatform,
  visitor: LinkVisitor,
): Promise<Link> {
  try {
    const measured = await visit(origin, platform, visitor);
    const best = fastest(measured);
    return { ways: measured.map((way) => ({ ...way, chosen: way === best })) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ways: [], why: why.slice(0, 2000) };
  }
}

/** Rejects where the host refuses or the link ends before all is measured. */
function visit(
  origin: string,
  platform: LinkPlatform,
  { device, agent, identity }: LinkVisitor,
): Promise<readonly Measured[]> {
  return new Promise((resolve, reject) => {
    let measured: readonly Measured[] = [];
    const prove = async (connection: HostConnection, nonce: string): Promise<void> => {
      connection.send({ type: 'prove', ...(await identity.prove(nonce)) });
    };
    const take = (connection: HostConnection, message: HostMessage): void => {
      if (message.type === 'challenge') prove(connection, message.nonce).catch(reject);
      else if (message.type === 'refuse') reject(refused(message.message));
      else if (message.type === 'finished') resolve(measured);
      else throw unexpected(message.type);
    };
    const join = (socket: Socket, onClosed: (error: Error) => void): HostConnection => {
      const connection: HostConnection = new Connection(socket, parseHostMessage, {
        message: (message) => take(connection, message),
        tensor: () => {
          throw unexpected('a tensor');
        },
        closed: onClosed,
      });
      connection.send({
        type: 'hello',
        protocol: protocolVersion,
        engine: 'webgpu',
        device,
        agent,
        instance: platform.randomId(),
        purpose: 'measurement',
      });
      return connection;
    };
    const all = { ...platform, fastest: undefined };
    joinHost(origin, { join }, all, { measured: (ways) => (measured = ways), lost: reject });
  });
}

function refused(why: string): Error {
  return new Error(`${why}; open the page by the code that Tandem shows on the computer`);
}

function unexpected(what: string): ProtocolError {
  return new ProtocolError('unexpected', `expected nothing but the measurement, got ${what}`);
}
