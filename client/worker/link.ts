import {
  beatIntervalMs,
  ConnectionClosedError,
  type Socket,
} from '../../runtime/protocol/connection';
import type { PipelineWorker } from '../../runtime/worker/worker';

/** A host that takes longer is not there: a browser alone would wait a minute or more. */
const openLimitMs = 10_000;
/** A link that was asked for a sign of life and gives none in this time is dead. */
const checkLimitMs = 5_000;

export interface LinkEvents {
  readonly joined: () => void;
  /** Called once; also for a link that never opened. */
  readonly lost: (detail: string) => void;
}

/** One connection of a page's worker to its host, from opening to loss. */
export interface Link {
  /** Drops the link unless the host gives a sign of life soon. */
  check(): void;
}

/** Opens a link to the host that the page came from, and joins the run over it. */
export function openLink(worker: PipelineWorker, { joined, lost }: LinkEvents): Link {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const webSocket = new WebSocket(`${scheme}://${location.host}/worker`);
  webSocket.binaryType = 'arraybuffer';
  let connection: ReturnType<PipelineWorker['join']> | undefined;
  let isLost = false;
  const lose = (detail: string): void => {
    if (isLost) return;
    isLost = true;
    clearTimeout(opening);
    clearInterval(heart);
    lost(detail);
  };
  let heart: ReturnType<typeof setInterval> | undefined;
  const opening = setTimeout(() => {
    lose(`no answer from ${location.host} in ${openLimitMs / 1000} s`);
    webSocket.close();
  }, openLimitMs);

  webSocket.addEventListener('open', () => {
    if (isLost) return;
    clearTimeout(opening);
    const opened = worker.join(socketOf(webSocket), (error) => lose(error.message));
    connection = opened;
    heart = setInterval(() => opened.beat(), beatIntervalMs);
    webSocket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      opened.receive(typeof data === 'string' ? data : new Uint8Array(data));
      opened.pump();
    });
    joined();
  });
  webSocket.addEventListener('error', () => {
    if (!connection) lose(`no answer from ${location.host}`);
  });
  webSocket.addEventListener('close', ({ code, reason }) => {
    const error = new ConnectionClosedError(reason || `the connection closed (${code})`);
    if (connection) connection.close(error);
    else lose(error.message);
  });

  return {
    check: () => {
      const checked = connection;
      if (!checked?.isOpen) return;
      checked.beat();
      setTimeout(() => {
        if (checked.silenceMs < checkLimitMs) return;
        checked.close(new ConnectionClosedError('the link was dead when this page came back'));
      }, checkLimitMs);
    },
  };
}

/** The protocol's view of the browser's WebSocket. */
function socketOf(webSocket: WebSocket): Socket {
  return {
    sendText: (message) => webSocket.send(message),
    sendBinary: (message) => webSocket.send(message),
    bufferedAmount: () => webSocket.bufferedAmount,
    close: (code, reason) => {
      // A page may close with 1000 or 3000 to 4999 only.
      webSocket.close(code === 1000 ? code : 3000, reason);
    },
  };
}
