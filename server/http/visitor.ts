import type { IncomingMessage } from 'node:http';

/** Whether only programs on this computer can reach the address. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Why a request is refused, or undefined. A browser on this computer sends what any website asks it
 * to: a foreign page shows in its Origin, a name that was made to point here in the Host.
 * @param address the one that the server listens on
 */
export function refusal({ headers }: IncomingMessage, address: string): string | undefined {
  const { host = '', origin } = headers;
  const here = `http://${host}`;
  if (isLoopback(address)) {
    const name = URL.canParse(here) ? new URL(here).hostname.replace(/^\[(.*)\]$/, '$1') : '';
    if (!isLoopback(name)) {
      return 'this server answers to localhost alone; --listen 0.0.0.0 opens it to other names';
    }
  }
  if (origin === undefined) return undefined;
  const scheme = origin.startsWith('https:') ? 'https:' : 'http:';
  const own = `${scheme}//${host}`;
  const isOwn =
    URL.canParse(origin) && URL.canParse(own) && new URL(origin).host === new URL(own).host;
  return isOwn ? undefined : 'pages of other sites can not join; open the worker page itself';
}
