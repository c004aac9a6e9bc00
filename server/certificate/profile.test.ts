import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { issueAuthority } from './issue';
import { profileOf } from './profile';

const authority = new X509Certificate(
  (await issueAuthority('<desk> & co', new Date())).certificate,
);

test('the profile carries the certificate, and no key', () => {
  const profile = profileOf(authority);
  const [, data = ''] = /<data>([^<]*)<\/data>/.exec(profile) ?? [];
  expect(Buffer.from(data, 'base64').equals(authority.raw)).toBe(true);
  expect(profile).toContain('com.apple.security.root');
  expect(profile).toContain('Tandem on &#60;desk&#62; &#38; co');
  expect(profile).not.toContain('PRIVATE');
});

test('it replaces itself: its UUIDs are the certificate’s', async () => {
  const uuids = (text: string): string[] =>
    text.match(/[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}/g) ?? [];
  const own = uuids(profileOf(authority));
  expect(own).toHaveLength(2);
  expect(new Set(own).size).toBe(2);
  expect(uuids(profileOf(authority))).toEqual(own);
  const { certificate } = await issueAuthority('desk', new Date());
  expect(uuids(profileOf(new X509Certificate(certificate)))).not.toEqual(own);
});
