import { TrustWatch, type Trust } from './trust-watch';

/*
 * What a phone sees first, over plain http: how to get to https, where it can compute. The page
 * leaves by itself as soon as the browser trusts the secure one.
 */

/** What `/door.json` says. */
interface Door {
  readonly securePort: number;
  /** Name and fingerprint of the authority that the phone is asked to trust. */
  readonly authority: string;
  readonly fingerprint: string;
}

const words: Readonly<Record<Trust, string>> = {
  checking: 'Checking the secure connection …',
  untrusted: 'Not trusted yet. This page looks again by itself.',
  trusted: 'Trusted. Going on …',
  'no-answer': 'The computer does not answer. Check the cable, and that Tandem runs.',
};

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

function show(trust: Trust): void {
  document.body.dataset['state'] = trust;
  const line = element('trust');
  if (line.textContent !== words[trust]) line.textContent = words[trust];
}

async function start(): Promise<void> {
  show('checking');
  const response = await fetch('/door.json', { cache: 'no-store' });
  const { securePort, authority, fingerprint } = (await response.json()) as Door;
  const { hostname, pathname, search, hash } = location;
  // The fragment holds the code of the QR picture: it goes from page to page, and to no server.
  const secure = `https://${hostname}:${securePort}${pathname}${search}${hash}`;
  element('secure').setAttribute('href', secure);
  element('authority').textContent = authority;
  element('fingerprint').textContent = fingerprint;
  new TrustWatch(`https://${hostname}:${securePort}/api/trust`, (trust) => {
    show(trust);
    if (trust === 'trusted') location.replace(secure);
  }).start();
}

start().catch(() => {
  show('no-answer');
  setTimeout(() => location.reload(), 5_000);
});
