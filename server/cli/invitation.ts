import { watchLinks } from '../address/link-watch';
import { isPrivate } from '../address/private-address';
import { networkLinks, type NetworkLink } from '../address/network-link';
import { qrPicture } from '../address/qr-picture';
import { readNetworkFacts } from '../address/read-facts';
import type { HostServer } from '../http/server';
import { shortFingerprint } from '../pairing/reach-host';

/** How often the code is looked at: a new one is shown when the hour of the last is over. */
const checkMs = 10_000;

/** Shows people how a device joins, with a code that is good at the moment. */
export class Invitation {
  readonly #server: HostServer;
  readonly #path: string;
  readonly #say: (text: string) => void;
  readonly #stopWatching: () => void;
  readonly #timer: NodeJS.Timeout;
  #code = '';

  /**
   * @param say takes lines for a terminal; what comes later comes between lines of progress
   * @param path and query of the page that the device is to open
   */
  constructor(server: HostServer, say: (text: string) => void, path = '/') {
    this.#server = server;
    this.#path = path;
    this.#say = say;
    this.#stopWatching = server.isOpenToNetwork
      ? watchLinks((links) => this.#tellOfNew(links))
      : () => undefined;
    this.#timer = setInterval(() => this.#renew(), checkMs).unref();
  }

  /** The page for this computer's own browsers, with a code. */
  get url(): string {
    return this.#withCode(new URL(this.#server.url));
  }

  /** QR code and addresses. */
  show(): void {
    const { pairing, authority } = this.#server;
    this.#code = pairing?.codes.mint() ?? '';
    if (pairing) {
      pairing.onPaired = (name) => {
        this.#say(`Paired: ${name}. It may come back without a code (tandem devices lists it).`);
        this.#renew();
      };
    }
    const isWorkers = this.#path === '/';
    this.#say(`${isWorkers ? 'Worker page' : 'Open on the device'}: ${this.url}`);
    const links = this.#links();
    const [best] = links;
    if (!this.#server.isOpenToNetwork) {
      this.#say(
        '  It listens on this computer alone; --listen all lets a phone in, over the https that it needs.',
      );
      return;
    }
    if (!best) {
      this.#say('  A phone can join once a cable or a network is there; its code is shown then.');
      return;
    }
    this.#showCode(best);
    for (const link of links) this.#say(`  ${this.#linkOf(link)}  ${link.words}`);
    if (!authority || !isWorkers) return;
    const forNode = `${this.#linkOf(best)}.${shortFingerprint(authority)}`;
    this.#say(`From another computer: npx tandem worker '${forNode}'`);
  }

  stop(): void {
    this.#stopWatching();
    clearInterval(this.#timer);
    if (this.#server.pairing) this.#server.pairing.onPaired = () => undefined;
  }

  #links(): readonly NetworkLink[] {
    // `localhost` where it listens on all addresses.
    const { hostname } = new URL(this.#server.url);
    return networkLinks(readNetworkFacts()).filter(({ kind, address }) =>
      hostname === 'localhost' ? kind !== 'virtual' && isPrivate(address) : address === hostname,
    );
  }

  #showCode(link: NetworkLink): void {
    // A picture of characters is for eyes alone; a file or another program gets the address.
    const { isTTY } = process.stderr;
    const how = isTTY ? 'point its camera here, or open the address' : 'open the address';
    this.#say(`Join from a phone (${link.words}): ${how}.`);
    if (isTTY) this.#say(qrPicture(this.#linkOf(link)));
  }

  #linkOf({ address }: NetworkLink): string {
    const url = new URL(this.#server.url);
    url.hostname = address;
    return this.#withCode(url);
  }

  #withCode(url: URL): string {
    const page = new URL(this.#path, url).href;
    return this.#code === '' ? page : `${page}#${this.#code}`;
  }

  #renew(): void {
    const { pairing } = this.#server;
    if (!pairing || pairing.codes.isOpen(this.#code)) return;
    this.#code = pairing.codes.mint();
    const [best] = this.#links();
    const isOpen = this.#server.isOpenToNetwork && best !== undefined;
    this.#say(`The next device joins by ${isOpen ? this.#linkOf(best) : this.url}`);
  }

  #tellOfNew(links: readonly NetworkLink[]): void {
    const own = this.#links();
    const best = links.find(
      ({ kind, address }) => kind !== 'vpn' && own.some((link) => link.address === address),
    );
    if (!best) return;
    this.#showCode(best);
    this.#say(`  ${this.#linkOf(best)}`);
  }
}
