import { beatIntervalMs, ConnectionClosedError, type Connection } from '../protocol/connection';
import type { HostMessage, WorkerMessage } from '../protocol/message';
import type { Measured } from '../link/choice';
import type { LinkFacts } from '../link/control';
import type { LinkPlatform } from '../link/platform';
import { WorkerLink } from '../link/worker-link';
import type { PipelineWorker } from './worker';

export interface JoinEvents {
  /** The link is open, and hello was said over it. */
  readonly joined?: () => void;
  /** What carries each direction from now on, and what it moved where it was measured. */
  readonly transport?: (facts: LinkFacts) => void;
  /** All ways that were measured. */
  readonly measured?: (ways: readonly Measured[]) => void;
  /** Called once: the host could not be reached (HostUnreachableError), or the link ended. */
  readonly lost: (error: Error) => void;
}

/** A way to the host that is open or being opened. */
export interface JoinedHost {
  /** Drops the link unless the host gives a sign of life soon. */
  check(): void;
  /** Ends it, also while it is being opened. */
  close(): void;
}

/** A link that was asked for a sign of life and gives none in this time is dead. */
const checkLimitMs = 5_000;

/**
 * Opens a link to the host, joins the worker over it, and keeps its heart beating.
 * @param origin `https://host:port`, without a path
 */
export function joinHost(
  origin: string,
  worker: Pick<PipelineWorker, 'join'>,
  platform: LinkPlatform,
  { joined, transport, measured, lost }: JoinEvents,
): JoinedHost {
  let connection: Connection<WorkerMessage, HostMessage> | undefined;
  /** Why the link ended before there was a connection on it. */
  let failure: Error | undefined;
  const way = new WorkerLink(origin, platform, {
    receive: (message) => {
      connection?.receive(message);
      connection?.pump();
    },
    place: (start) => connection?.place(start),
    drained: () => connection?.pump(),
    chosen: (facts) => transport?.(facts),
    measured: (ways) => measured?.(ways),
    closed: (error) => {
      failure = error;
      connection?.close(error);
    },
  });
  const beat = (): void => {
    if (!connection?.isOpen) return;
    connection.beat();
    platform.after(beatIntervalMs, beat);
  };
  way.open().then(
    () => {
      if (failure) {
        lost(failure);
        return;
      }
      connection = worker.join(way.link, lost);
      platform.after(beatIntervalMs, beat);
      joined?.();
    },
    (error: unknown) => lost(error instanceof Error ? error : new Error(String(error))),
  );
  return {
    check: () => {
      const checked = connection;
      if (!checked?.isOpen) return;
      checked.beat();
      platform.after(checkLimitMs, () => {
        if (checked.silenceMs < checkLimitMs) return;
        checked.close(new ConnectionClosedError('the link was dead when this page came back'));
      });
    },
    close: () => way.link.fail(new ConnectionClosedError('closed by the worker')),
  };
}
