import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { hostNames } from './names';

function at(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { netmask: '', mac: '00:00:00:00:00:00', internal, cidr: null };
  return address.includes(':')
    ? { ...rest, address, family: 'IPv6', scopeid: 0 }
    : { ...rest, address, family: 'IPv4' };
}

test('each address that a person can type, and the computer’s own names', () => {
  const interfaces = {
    lo: [at('127.0.0.1', true), at('::1', true)],
    eth0: [at('192.168.1.5'), at('fe80::1'), at('fd12::5'), at('2001:db8::5')],
    enx0: [at('172.20.10.2')],
  };
  expect(hostNames(interfaces, 'Desk.example.org')).toEqual({
    dns: ['localhost', 'desk', 'desk.local'],
    ip: ['127.0.0.1', '::1', '192.168.1.5', 'fd12::5', '172.20.10.2'],
  });
});

test.each([
  ['Anna’s Mac', ['localhost', 'anna-s-mac', 'anna-s-mac.local']],
  ['localhost', ['localhost']],
  ['', ['localhost']],
])('the name %j', (hostname, dns) => {
  expect(hostNames({}, hostname).dns).toEqual(dns);
});

test('this computer has its loopback names', () => {
  expect(hostNames(networkInterfaces(), 'desk').ip).toEqual(
    expect.arrayContaining(['127.0.0.1', '::1']),
  );
});
