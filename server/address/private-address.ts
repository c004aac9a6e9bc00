import { BlockList, isIPv4 } from 'node:net';

/** What no router on the internet leads to, as IANA's registry of special addresses has it. */
const special = new BlockList();
for (const [network, bits] of [
  ['10.0.0.0', 8],
  // Overlay networks such as Tailscale's.
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
] as const) {
  special.addSubnet(network, bits, 'ipv4');
}
special.addAddress('::1', 'ipv6');
special.addSubnet('fc00::', 7, 'ipv6');
special.addSubnet('fe80::', 10, 'ipv6');

/** Whether an address is one of a home, a cable or this computer, and not of the internet. */
export function isPrivate(address: string): boolean {
  return special.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
