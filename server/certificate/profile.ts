import type { X509Certificate } from 'node:crypto';
import { authorityName } from './certificates';

/** As iOS and macOS want it served, to take it for a profile. */
export const profileType = 'application/x-apple-aspen-config';

/**
 * A configuration profile (`.mobileconfig`) that brings the authority's certificate to an iPhone.
 * Its UUIDs come from the certificate: installed twice, it replaces itself.
 */
export function profileOf(authority: X509Certificate): string {
  const id = authority.fingerprint256.replaceAll(':', '').toLowerCase();
  const name = escaped(authorityName(authority));
  const der = authority.raw.toString('base64').replaceAll(/(.{64})/g, '$1\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadIdentifier</key><string>tandem.certificate.${id.slice(0, 16)}</string>
  <key>PayloadUUID</key><string>${uuid(id.slice(0, 32))}</string>
  <key>PayloadDisplayName</key><string>${name}</string>
  <key>PayloadDescription</key><string>Lets this device open the secure pages of Tandem on your computer.</string>
  <key>PayloadOrganization</key><string>Tandem</string>
  <key>PayloadRemovalDisallowed</key><false/>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>PayloadType</key><string>com.apple.security.root</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>tandem.certificate.${id.slice(0, 16)}.root</string>
      <key>PayloadUUID</key><string>${uuid(id.slice(32))}</string>
      <key>PayloadDisplayName</key><string>${name}</string>
      <key>PayloadCertificateFileName</key><string>tandem.cer</string>
      <key>PayloadContent</key>
      <data>
${der}
      </data>
    </dict>
  </array>
</dict>
</plist>
`;
}

/** 32 hex digits as a UUID of version 8, the one for values of one's own. */
function uuid(hex: string): string {
  const digits = `${hex.slice(0, 12)}8${hex.slice(13, 16)}a${hex.slice(17)}`.toUpperCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function escaped(text: string): string {
  return text.replaceAll(/[<>&]/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
}
