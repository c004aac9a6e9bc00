import { join } from 'node:path';
import * as v from 'valibot';
import { homeFolder } from '../home/folder';
import { HomeError, readPrivate, writePrivate } from '../home/private-file';

const device = v.strictObject({
  id: v.string(),
  name: v.string(),
  /** Public: SubjectPublicKeyInfo, base64url. */
  key: v.string(),
  pairedAt: v.number(),
  lastSeenAt: v.number(),
});

/** A device that may come back without a new code. */
export type Device = v.InferOutput<typeof device>;

const file = v.strictObject({ devices: v.array(device) });

/** One that has not come for so long must show a new code. */
const idleLimitMs = 90 * 86_400_000;

/** The paired devices, in the user's data folder; read anew each time, as commands change them. */
export class Devices {
  readonly path: string;
  readonly #now: () => number;
  /** Changes happen one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder = homeFolder(), now = (): number => Date.now()) {
    this.path = join(folder, 'devices.json');
    this.#now = now;
  }

  /** Those that have not been idle for too long; throws HomeError for a file that is no list. */
  async list(): Promise<readonly Device[]> {
    const text = await readPrivate(this.path);
    if (text === undefined) return [];
    const oldest = this.#now() - idleLimitMs;
    return this.#parse(text).filter(({ lastSeenAt }) => lastSeenAt >= oldest);
  }

  async find(id: string): Promise<Device | undefined> {
    return (await this.list()).find((known) => known.id === id);
  }

  /** Remembers a device that has just come, by its id. */
  async keep(id: string, name: string, key: string): Promise<void> {
    const now = this.#now();
    await this.#change((devices) => {
      const known = devices.find((one) => one.id === id);
      const kept = { id, name, key, pairedAt: known?.pairedAt ?? now, lastSeenAt: now };
      return [...devices.filter((one) => one.id !== id), kept];
    });
  }

  /** Notes that a device came back; one that was revoked meanwhile stays so. */
  async touch(id: string): Promise<void> {
    const now = this.#now();
    await this.#change((devices) =>
      devices.map((one) => (one.id === id ? { ...one, lastSeenAt: now } : one)),
    );
  }

  /** Forgets the devices that `which` picks, and gives them back. */
  async revoke(which: (device: Device) => boolean): Promise<readonly Device[]> {
    let revoked: readonly Device[] = [];
    await this.#change((devices) => {
      revoked = devices.filter(which);
      return devices.filter((one) => !which(one));
    });
    return revoked;
  }

  async #change(change: (devices: readonly Device[]) => readonly Device[]): Promise<void> {
    const next = this.#last.then(async () => {
      const devices = change(await this.list());
      await writePrivate(this.path, `${JSON.stringify({ devices }, null, 1)}\n`);
    });
    this.#last = next.catch(() => undefined);
    await next;
  }

  #parse(text: string): readonly Device[] {
    try {
      return v.parse(file, JSON.parse(text)).devices;
    } catch (error) {
      throw new HomeError(
        `${this.path}: expected a list of paired devices, got something else; delete it, and pair anew`,
        { cause: error },
      );
    }
  }
}
