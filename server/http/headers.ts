import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostOf } from './visitor';

/**
 * What every answer carries: the page may load from and talk to this host alone, is alone in its
 * process, and shows in no other page.
 * @param connects further origins that a page of this answer may talk to
 */
export function secureHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  scheme: string,
  connects: readonly string[] = [],
): void {
  // Safari's 'self' once did not hold for WebSockets, so their origin is named.
  const host = hostOf(request) === '' ? '' : (request.headers.host ?? '');
  const sockets = host === '' ? [] : [`${scheme.replace('http', 'ws')}//${host}`];
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${["'self'", ...sockets, ...connects].join(' ')}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  response.setHeader('Content-Security-Policy', policy.join('; '));
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
}
