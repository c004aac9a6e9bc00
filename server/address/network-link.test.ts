import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { networkLinks, type NetworkFacts } from './network-link';

function at(address: string, prefix = 24): NetworkInterfaceInfo {
  const rest = { netmask: '255.255.255.0', mac: '8c:85:90:00:00:01', cidr: `${address}/${prefix}` };
  const internal = address.startsWith('127.') || address === '::1';
  return address.includes(':')
    ? { ...rest, address, internal, family: 'IPv6', scopeid: 4 }
    : { ...rest, address, internal, family: 'IPv4' };
}

const loopback = [at('127.0.0.1', 8), at('::1', 128)];

/** In the shape of each system's `os.networkInterfaces()`. */
const computers: Readonly<Record<string, NetworkFacts>> = {
  'a Mac with an iPhone on its cable': {
    platform: 'darwin',
    interfaces: {
      lo0: loopback,
      en0: [at('fe80::1c2a'), at('192.168.1.23')],
      awdl0: [at('fe80::f4')],
      utun3: [at('10.8.0.6', 32)],
      en7: [at('fe80::8ff'), at('172.20.10.2', 28)],
    },
    drivers: new Map(),
    radios: new Set(),
  },
  'a Mac that shares its connection': {
    platform: 'darwin',
    interfaces: {
      lo0: loopback,
      en0: [at('192.168.1.23')],
      bridge0: [at('169.254.7.7', 16)],
      bridge100: [at('192.168.2.1'), at('fe80::aede')],
    },
    drivers: new Map(),
    radios: new Set(),
  },
  'a Mac on the iPhone’s Wi-Fi': {
    platform: 'darwin',
    interfaces: { lo0: loopback, en0: [at('172.20.10.4', 28)] },
    drivers: new Map(),
    radios: new Set(),
  },
  'Windows with an iPhone on its cable': {
    platform: 'win32',
    interfaces: {
      'vEthernet (WSL)': [at('172.28.160.1', 20)],
      'Wi-Fi': [at('192.168.1.40')],
      'Ethernet 3': [at('172.20.10.3', 28)],
      'Loopback Pseudo-Interface 1': loopback,
    },
    drivers: new Map(),
    radios: new Set(),
  },
  'Windows where the adapter has its own name': {
    platform: 'win32',
    interfaces: {
      Ethernet: [at('192.168.1.41')],
      'Apple Mobile Device Ethernet 2': [at('169.254.30.2', 16)],
    },
    drivers: new Map(),
    radios: new Set(),
  },
  'Linux with an iPhone on its cable': {
    platform: 'linux',
    interfaces: {
      lo: loopback,
      wlp2s0: [at('192.168.1.50'), at('fe80::50')],
      docker0: [at('172.17.0.1', 16)],
      'br-1f2e': [at('172.18.0.1', 16)],
      tailscale0: [at('100.101.2.3', 32)],
      enx0: [at('172.20.10.2', 28)],
    },
    drivers: new Map([
      ['wlp2s0', 'iwlwifi'],
      ['enx0', 'ipheth'],
    ]),
    radios: new Set(['wlp2s0']),
  },
  'Linux that shares its connection': {
    platform: 'linux',
    interfaces: { lo: loopback, eth1: [at('10.42.0.1')], wlan0: [at('10.42.0.1')] },
    drivers: new Map([['eth1', 'cdc_ncm']]),
    radios: new Set(['wlan0']),
  },
  'Linux on the iPhone’s Wi-Fi': {
    platform: 'linux',
    interfaces: { lo: loopback, wlp2s0: [at('172.20.10.5', 28)], enp3s0: [at('172.20.10.16')] },
    drivers: new Map(),
    radios: new Set(['wlp2s0']),
  },
  'a computer without a network': {
    platform: 'linux',
    interfaces: { lo: loopback },
    drivers: new Map(),
    radios: new Set(),
  },
};

const expected: Readonly<Record<keyof typeof computers, readonly string[]>> = {
  'a Mac with an iPhone on its cable': [
    'iphone-cable 172.20.10.2 USB cable to iPhone',
    'wifi 192.168.1.23 Wi-Fi or Ethernet',
    'vpn 10.8.0.6 VPN (utun3)',
  ],
  'a Mac that shares its connection': [
    'shared-cable 192.168.2.1 Internet Sharing of this Mac, such as to iPhone USB',
    'wifi 192.168.1.23 Wi-Fi or Ethernet',
    'virtual 169.254.7.7 Virtual network (bridge0), self-assigned',
  ],
  'a Mac on the iPhone’s Wi-Fi': ['iphone-hotspot 172.20.10.4 Hotspot of the iPhone'],
  'Windows with an iPhone on its cable': [
    'iphone-cable 172.20.10.3 USB cable to iPhone',
    'wifi 192.168.1.40 Wi-Fi',
    'virtual 172.28.160.1 Virtual network (vEthernet (WSL))',
  ],
  'Windows where the adapter has its own name': [
    'ethernet 192.168.1.41 Ethernet (Ethernet)',
    'iphone-cable 169.254.30.2 USB cable to iPhone, self-assigned',
  ],
  'Linux with an iPhone on its cable': [
    'iphone-cable 172.20.10.2 USB cable to iPhone',
    'wifi 192.168.1.50 Wi-Fi',
    'vpn 100.101.2.3 VPN (tailscale0)',
    'virtual 172.17.0.1 Virtual network (docker0)',
    'virtual 172.18.0.1 Virtual network (br-1f2e)',
  ],
  'Linux that shares its connection': [
    'shared-cable 10.42.0.1 Cable that this computer shares its connection over',
    'wifi 10.42.0.1 Wi-Fi hotspot of this computer',
  ],
  'Linux on the iPhone’s Wi-Fi': [
    'iphone-hotspot 172.20.10.5 Wi-Fi of the iPhone’s hotspot',
    'ethernet 172.20.10.16 Ethernet (enp3s0)',
  ],
  'a computer without a network': [],
};

test.each(Object.entries(computers))('%s', (name, facts) => {
  const links = networkLinks(facts).map(
    ({ kind, address, words, isSelfAssigned }) =>
      `${kind} ${address} ${words}${isSelfAssigned ? ', self-assigned' : ''}`,
  );
  expect(links).toEqual(expected[name]);
});
