import type { NetworkInterfaceInfo } from 'node:os';

/** What leads to a device that wants to join, best first. */
const kinds = [
  'iphone-cable',
  'shared-cable',
  'iphone-hotspot',
  'wifi',
  'ethernet',
  'other',
  'vpn',
  'virtual',
] as const;
export type LinkKind = (typeof kinds)[number];

/** An address of this computer, and what it is reached over. */
export interface NetworkLink {
  readonly interface: string;
  readonly address: string;
  readonly kind: LinkKind;
  /** For people: `USB cable to iPhone`. */
  readonly words: string;
  /** Nobody at the other end has given this address: it may lead nowhere yet. */
  readonly isSelfAssigned: boolean;
}

/** What the system tells of its interfaces. */
export interface NetworkFacts {
  readonly platform: NodeJS.Platform;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** Linux: the driver of each interface that has one. */
  readonly drivers: ReadonlyMap<string, string>;
  /** Linux: the interfaces that are radios. */
  readonly radios: ReadonlySet<string>;
}

/** This computer's IPv4 addresses for other devices, the best for a phone first. */
export function networkLinks(facts: NetworkFacts): readonly NetworkLink[] {
  const links = Object.entries(facts.interfaces).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => linkAt(name, address, facts)),
  );
  return links.toSorted((a, b) => rank(a) - rank(b));
}

function rank({ kind, isSelfAssigned }: NetworkLink): number {
  return kinds.indexOf(kind) + (isSelfAssigned ? kinds.length : 0);
}

function linkAt(name: string, address: string, facts: NetworkFacts): NetworkLink {
  const [kind, words] = classify(name, address, facts);
  return { interface: name, address, kind, words, isSelfAssigned: address.startsWith('169.254.') };
}

function classify(
  name: string,
  address: string,
  { platform, drivers, radios }: NetworkFacts,
): readonly [LinkKind, string] {
  if (drivers.get(name) === 'ipheth' || /^Apple Mobile Device Ethernet/.test(name)) {
    return ['iphone-cable', 'USB cable to iPhone'];
  }
  const isRadio = radios.has(name) || /^wl|wi-?fi|wlan|wireless/i.test(name);
  if (isHotspot(address)) {
    if (isRadio) return ['iphone-hotspot', 'Wi-Fi of the iPhone’s hotspot'];
    // On a Mac the first interface is most often the radio, and nothing here tells.
    if (platform === 'darwin' && name === 'en0') {
      return ['iphone-hotspot', 'Hotspot of the iPhone'];
    }
    return ['iphone-cable', 'USB cable to iPhone'];
  }
  // macOS: Internet Sharing. Linux: a connection that NetworkManager shares.
  if (platform === 'darwin' && /^bridge1\d\d$/.test(name)) {
    return ['shared-cable', 'Internet Sharing of this Mac, such as to iPhone USB'];
  }
  if (address.startsWith('10.42.0.')) {
    return isRadio
      ? ['wifi', 'Wi-Fi hotspot of this computer']
      : ['shared-cable', 'Cable that this computer shares its connection over'];
  }
  if (isVirtual(name)) return ['virtual', `Virtual network (${name})`];
  if (isTunnel(name) || isCarrierGrade(address)) return ['vpn', `VPN (${name})`];
  if (isRadio) return ['wifi', 'Wi-Fi'];
  if (platform === 'darwin' && name === 'en0') return ['wifi', 'Wi-Fi or Ethernet'];
  if (/^(eth|en|ethernet|lan)/i.test(name)) return ['ethernet', `Ethernet (${name})`];
  return ['other', name];
}

/** Personal Hotspot: 172.20.10.0/28. */
function isHotspot(address: string): boolean {
  const [, last = '255'] = /^172\.20\.10\.(\d+)$/.exec(address) ?? [];
  return Number(last) < 16;
}

/** 100.64.0.0/10, which overlay networks such as Tailscale use. */
function isCarrierGrade(address: string): boolean {
  const [first, second = 0] = address.split('.').map(Number);
  return first === 100 && second >= 64 && second < 128;
}

function isVirtual(name: string): boolean {
  return /^(docker|br-|veth|virbr|vmnet|vnet|vboxnet|lxc|lxd|cni|podman|bridge\d|awdl|llw|anpi|ap\d|ifb)|vEthernet|VirtualBox|VMware|Hyper-V|WSL/i.test(
    name,
  );
}

function isTunnel(name: string): boolean {
  return /^(utun|tun|tap|wg|ppp|ipsec|tailscale|zt|nordlynx|gif|stf)|VPN|TAP-|WireGuard|Tailscale|ZeroTier/i.test(
    name,
  );
}
