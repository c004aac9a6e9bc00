import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { HostNames } from './names';

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { ...algorithm, hash: 'SHA-256' } as const;
const critical = true;

const dayMs = 86_400_000;
const authorityDays = 3650;
/** Apple refuses server certificates above 825 days, public ones above 398. */
const leafDays = 397;
/** A phone's clock may be behind. */
const headStartMs = dayMs;

/** A certificate authority of this computer's own; what it signs is trusted where it is. */
export async function issueAuthority(hostname: string, now: Date): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Tandem on ${hostname}`] }, { O: ['Tandem'] }],
    notBefore: new Date(now.getTime() - headStartMs),
    notAfter: new Date(now.getTime() + authorityDays * dayMs),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, critical),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, critical),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await privatePem(keys.privateKey) };
}

/** A server's certificate for `names`, as iOS accepts one: P-256, SHA-256, serverAuth, 397 days. */
export async function issueLeaf(
  authority: KeyedCertificate,
  names: HostNames,
  now: Date,
): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const issuer = new X509Certificate(authority.certificate);
  const [der] = PemConverter.decode(authority.key);
  if (!der) throw new TypeError('expected a private key in PEM, got none');
  const leaf = await X509CertificateGenerator.create({
    subject: [{ CN: ['Tandem'] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now.getTime() - headStartMs),
    notAfter: new Date(now.getTime() + leafDays * dayMs - headStartMs),
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']),
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, critical),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, critical),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        ...names.dns.map((value) => ({ type: 'dns' as const, value })),
        ...names.ip.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: leaf.toString('pem'), key: await privatePem(keys.privateKey) };
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
