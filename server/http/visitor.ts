import type { IncomingMessage } from 'node:http';

/** Whether only programs on this computer can reach the address. */
export function isLoopback(address: string): boolean {
  return (
    address === 'localhost' || address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address)
  );
}

/** The name in a request's Host header, without port and brackets; empty for none that is one. */
export function hostOf({ headers }: IncomingMessage): string {
  const { host = '' } = headers;
  // Nothing but name and port: the header goes into our own headers as well.
  const here = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i.test(host) ? `http://${host}` : '';
  return URL.canParse(here) ? nameOf(new URL(here)) : '';
}

/** A URL's host as addresses are written: without port and brackets. */
export function nameOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Whether a request comes from this computer and names it so: then plain http is secure. */
export function isAtHome(request: IncomingMessage): boolean {
  return isLoopback(request.socket.remoteAddress ?? '') && isLoopback(hostOf(request));
}

const foreignPage = 'pages of other sites can not join; open the worker page itself';

/**
 * Why a request is refused, or undefined. A browser sends what any website asks it to: a foreign
 * page shows in its Origin, a name that was made to point here in the Host.
 * @param ownNames by what this computer may be called
 */
export function refusal(
  request: IncomingMessage,
  scheme: string,
  ownNames: ReadonlySet<string>,
): string | undefined {
  const { host = '', origin } = request.headers;
  if (!ownNames.has(hostOf(request))) {
    return 'Tandem does not answer to this name, so that no website can pass for it: open an address that it printed (a public one takes --listen ADDRESS)';
  }
  // Without an Origin a browser still says that another site's page asks, but for navigations.
  const { 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = request.headers;
  if (!['none', 'same-origin'].includes(site) && mode !== 'navigate') return foreignPage;
  if (origin === undefined) return undefined;
  const own = `${scheme}//${host}`;
  const isOwn = URL.canParse(origin) && new URL(origin).origin === new URL(own).origin;
  return isOwn ? undefined : foreignPage;
}
