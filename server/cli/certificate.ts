import type { X509Certificate } from 'node:crypto';
import type { Command } from 'commander';
import { authorityName, Certificates } from '../certificate/certificates';
import { jsonOption, printJson, say } from './output';

interface CertificateOptions {
  readonly json: boolean;
}

/** Declares `tandem certificate show` and `remove`. */
export function certificate(command: Command): void {
  const subcommand = (name: string, text: string): Command =>
    command
      .command(name)
      .description(text)
      .option(...jsonOption);
  subcommand('show', 'what phones are asked to trust').action(show);
  subcommand('remove', 'delete the certificate and its key from this computer').action(remove);
}

async function show({ json }: CertificateOptions): Promise<void> {
  const certificates = new Certificates();
  const authority = await certificates.authority();
  const leaf = await certificates.leaf();
  if (authority) {
    say(`Authority: ${authorityName(authority)}, until ${authority.validTo}`);
    say(`  SHA-256 fingerprint ${authority.fingerprint256}`);
    if (leaf) say(`Server: ${leaf.subjectAltName ?? 'no names'}, until ${leaf.validTo}`);
    say(`Kept in ${certificates.folder}; the keys never leave it.`);
  } else say('There is no certificate yet; Tandem makes one when it first serves other devices.');
  if (json) {
    const result = {
      folder: certificates.folder,
      authority: authority ? described(authority) : null,
      server: leaf ? { ...described(leaf), names: leaf.subjectAltName ?? '' } : null,
    };
    printJson(result);
  }
}

async function remove({ json }: CertificateOptions): Promise<void> {
  const removed = await new Certificates().remove();
  if (removed) {
    say(`Removed. On each phone that trusted it, take it away as well:
  iPhone, iPad: Settings > General > VPN & Device Management > Tandem > Remove Profile
  Android: Settings > Security > Encryption & credentials > User credentials
The next start makes a fresh certificate, which phones must be told to trust anew.`);
  } else say('There was no certificate to remove.');
  if (json) printJson({ removed });
}

function described({ fingerprint256, validFrom, validTo }: X509Certificate): object {
  return { fingerprint256, validFrom, validTo };
}
