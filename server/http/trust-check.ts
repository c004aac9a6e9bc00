import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostOf, nameOf } from './visitor';

const path = '/api/trust';

/**
 * Answers the plain page that asks whether the browser takes our certificate: with nothing but a
 * yes, and only to this computer's own page.
 * @returns whether the request was one, and is answered
 */
export function answerTrustCheck(
  request: IncomingMessage,
  response: ServerResponse,
  ownNames: ReadonlySet<string>,
): boolean {
  if (request.url !== path) return false;
  const name = hostOf(request);
  const { origin } = request.headers;
  const asker = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined;
  const isOwn =
    ownNames.has(name) && (origin === undefined || (asker && nameOf(asker) === name)) === true;
  if (isOwn && asker) response.setHeader('Access-Control-Allow-Origin', asker.origin);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Vary', 'Origin');
  response.writeHead(isOwn ? 204 : 403).end();
  return true;
}
