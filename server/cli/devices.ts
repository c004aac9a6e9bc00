import type { Command } from 'commander';
import { Devices, type Device } from '../pairing/devices';
import { jsonOption, printJson, say } from './output';
import { UsageError } from './usage-error';

interface DevicesOptions {
  readonly json: boolean;
}

interface RevokeOptions extends DevicesOptions {
  readonly all: boolean;
}

/** Declares `tandem devices` (a list) and `tandem devices revoke`. */
export function devices(command: Command): void {
  command
    .command('list', { isDefault: true })
    .description('the devices that may come back without a code')
    .option(...jsonOption)
    .action(list);
  command
    .command('revoke')
    .description('forget a device; a run that has it lets it go within seconds')
    .argument('[id]', 'as the list has it')
    .option('--all', 'all of them', false)
    .option(...jsonOption)
    .action(revoke);
}

async function list({ json }: DevicesOptions): Promise<void> {
  const known = await new Devices().list();
  if (known.length === 0) say('No device is paired.');
  for (const device of known) {
    say(
      `${device.id}  ${device.name}  paired ${day(device.pairedAt)}, seen ${day(device.lastSeenAt)}`,
    );
  }
  if (json) printJson({ devices: known.map(shown) });
}

async function revoke(id: string | undefined, { all, json }: RevokeOptions): Promise<void> {
  if ((id === undefined) === !all) throw new UsageError('expected the id of a device, or --all');
  const revoked = await new Devices().revoke((device) => all || device.id === id);
  if (!all && revoked.length === 0) {
    throw new UsageError(`no paired device has the id '${id ?? ''}'; "tandem devices" lists them`);
  }
  if (revoked.length === 0) say('No device is paired.');
  for (const device of revoked) say(`Revoked: ${device.id}  ${device.name}`);
  if (json) printJson({ revoked: revoked.map(shown) });
}

function shown({ id, name, pairedAt, lastSeenAt }: Device): object {
  return { id, name, pairedAt: time(pairedAt), lastSeenAt: time(lastSeenAt) };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function day(ms: number): string {
  return time(ms).slice(0, 10);
}
