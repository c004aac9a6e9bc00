import type { Writable } from 'node:stream';
import { WebSocket } from 'ws';
import type { SendablePieces } from '../../runtime/protocol/pieces';

/** Sends one message, each piece as a fragment of it, so that none is copied to be together. */
export function sendMessage(socket: WebSocket, message: SendablePieces, sent: () => void): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  for (const piece of message.slice(0, -1)) socket.send(piece, { fin: false });
  socket.send(message.at(-1) ?? new Uint8Array(), sent);
}

/** Writes the pieces one after another. */
export function writePieces(stream: Writable, pieces: SendablePieces, written: () => void): void {
  // Not `writable`: a response says so even behind its end.
  if (stream.writableEnded || stream.destroyed) return;
  for (const piece of pieces.slice(0, -1)) stream.write(piece);
  stream.write(pieces.at(-1) ?? new Uint8Array(), written);
}
