import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** What each end of the cable is called, and its address in an iPhone's hotspot over USB. */
const ends = {
  phone: { address: '172.20.10.1', link: 'phone0' },
  host: { address: '172.20.10.2', link: 'host0' },
} as const;
type End = keyof typeof ends;
/** Also outside of both, where the tests run. */
type Place = End | 'here';

/** Why there can be no namespaces here, in one sentence; undefined where there can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux';
  for (const program of ['ip', 'tc']) {
    if (spawnSync(program, ['-V']).error) return `no ${program}: it is in the package iproute2`;
  }
  const name = `tandem-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name]);
  if (made.status !== 0) return `namespaces are forbidden here: ${made.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'delete', name]);
  return undefined;
}

/**
 * A host and a phone as two network namespaces of Linux, joined by a cable as a hotspot over USB
 * joins them; neither reaches anything else.
 */
export class TetheredPair {
  static readonly hostAddress = ends.host.address;
  readonly #names: Readonly<Record<End, string>>;
  readonly #relays: ChildProcessWithoutNullStreams[] = [];

  constructor() {
    this.#names = {
      phone: `tandem-phone-${process.pid}`,
      host: `tandem-host-${process.pid}`,
    };
    const { phone, host } = this.#names;
    ip('netns', 'add', phone);
    ip('netns', 'add', host);
    ip('-n', phone, 'link', 'add', ends.phone.link, 'type', 'veth', 'peer', ends.host.link);
    ip('-n', phone, 'link', 'set', ends.host.link, 'netns', host);
    for (const end of ['phone', 'host'] as const) {
      const { address, link } = ends[end];
      ip('-n', this.#names[end], 'address', 'add', `${address}/28`, 'dev', link);
      ip('-n', this.#names[end], 'link', 'set', 'lo', 'up');
      ip('-n', this.#names[end], 'link', 'set', link, 'up');
    }
  }

  /** The words that put a command there. */
  prefix(place: Place): readonly string[] {
    return place === 'here' ? [] : ['ip', 'netns', 'exec', this.#names[place]];
  }

  run(
    place: Place,
    folder: string,
    command: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): ChildProcessWithoutNullStreams {
    const [program = '', ...args] = [...this.prefix(place), ...command];
    return spawn(program, args, { cwd: folder, env: { ...process.env, ...env } });
  }

  /** Passes on what comes from one end to another, each an ADDRESS:PORT or a socket's path. */
  async relay(at: Place, from: string, to: string, delayMs = 0): Promise<void> {
    const program = resolve('e2e/network/relay.js');
    const relay = this.run(at, '.', [process.execPath, program, from, to, String(delayMs)]);
    this.#relays.push(relay);
    await once(relay.stdout, 'data');
  }

  /** Plugs the cable out or in. */
  set(state: 'up' | 'down'): void {
    ip('-n', this.#names.phone, 'link', 'set', ends.phone.link, state);
  }

  /** Bounds what passes in each direction. */
  limit(megabitsPerSecond: number): void {
    for (const end of ['phone', 'host'] as const) {
      const [program = '', ...args] = [
        ...this.prefix(end),
        ...['tc', 'qdisc', 'replace', 'dev', ends[end].link, 'root', 'tbf'],
        ...['rate', `${megabitsPerSecond}mbit`, 'burst', '256kb', 'latency', '50ms'],
      ];
      check(program, args);
    }
  }

  close(): void {
    for (const relay of this.#relays) relay.kill();
    for (const name of Object.values(this.#names)) spawnSync('ip', ['netns', 'delete', name]);
  }
}

function ip(...args: string[]): void {
  check('ip', args);
}

function check(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.toString().trim()}`);
}
