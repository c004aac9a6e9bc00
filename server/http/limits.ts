import type { ServerOptions } from 'node:http';

/**
 * What one visitor may take of the server before it is known who it is. A worker's page has a dozen
 * connections at most; all of a run's devices together a few dozen.
 */
export const maxConnections = 512;
export const maxConnectionsOfAddress = 128;

/** A request's headers come at once, and at most so many bytes of them. */
export const requestLimits: ServerOptions = {
  headersTimeout: 10_000,
  // A lane's upload is one request: a few MiB, over Wi-Fi too.
  requestTimeout: 60_000,
  // How often those two are looked after; 30 s by default.
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
};

/** For a TLS handshake to be over. */
export const handshakeTimeoutMs = 10_000;
