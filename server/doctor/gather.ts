import type { X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { networkLinks } from '../address/network-link';
import { readNetworkFacts } from '../address/read-facts';
import { Certificates } from '../certificate/certificates';
import { findBrowser } from '../headless/find-browser';
import type { CertificateFacts, Facts } from './findings';

/** Looks at this computer; changes nothing. */
export async function gather(ports: readonly number[]): Promise<Facts> {
  return {
    platform: process.platform,
    links: networkLinks(readNetworkFacts()),
    ports: await Promise.all(
      ports.map(
        async (port) => ({ port, use: (await isFree(port)) ? 'free' : 'another' }) as const,
      ),
    ),
    certificate: await certificateFacts(new Certificates()),
    now: new Date(),
    browser: browserFacts(),
  };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => {
      server.close(() => resolve(true));
    });
  });
}

/** What is kept of the certificate, beside the addresses that this computer has now. */
export async function certificateFacts(certificates: Certificates): Promise<CertificateFacts> {
  let authority: X509Certificate | undefined;
  let leaf: X509Certificate | undefined;
  try {
    authority = await certificates.authority();
    leaf = await certificates.leaf();
  } catch (error) {
    return { state: 'broken', why: error instanceof Error ? error.message : String(error) };
  }
  if (!authority) return { state: 'none' };
  const { dns, ip } = certificates.names;
  return {
    state: 'there',
    authorityFrom: new Date(authority.validFrom),
    authorityTo: new Date(authority.validTo),
    serverTo: leaf && new Date(leaf.validTo),
    missing: leaf
      ? [
          ...dns.filter((name) => leaf.checkHost(name) === undefined),
          ...ip.filter((address) => leaf.checkIP(address) === undefined),
        ]
      : [],
  };
}

function browserFacts(): Facts['browser'] {
  try {
    const { which, path } = findBrowser();
    return { name: `${which} (${path})` };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}
