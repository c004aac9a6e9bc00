import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { hostNames } from './names';

function at(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { netmask: '', mac: '00:00:00:00:00:00', internal, cidr: null };
  return address.includes(':')
    ? { ...rest, address, family: 'IPv6', scopeid: 0 }
    : { ...rest, address, family: 'IPv4' };
}

test('each private address that a person can type, and the computer’s own names', () => {
  const interfaces = {
    lo: [at('127.0.0.1', true), at('::1', true)],
    eth0: [at('192.168.1.5'), at('fe80::1'), at('fd12::5'), at('2606:4700::5'), at('8.8.4.4')],
    enx0: [at('172.20.10.2')],
    enx1: [at('172.32.0.1'), at('169.254.3.4')],
  };
  const names = hostNames(interfaces, 'Desk.example.org');
  expect(names).toEqual({
    dns: ['localhost', 'desk', 'desk.local'],
    ip: ['127.0.0.1', '::1', '192.168.1.5', 'fd12::5', '172.20.10.2', '169.254.3.4'],
  });
  // One of the internet is taken where a person names it.
  const { ip } = hostNames(interfaces, 'desk', '8.8.4.4');
  expect(ip).toEqual([...names.ip, '8.8.4.4']);
  expect(hostNames(interfaces, 'desk', '0.0.0.0').ip).toEqual(names.ip);
  expect(hostNames(interfaces, 'desk', '192.168.1.5').ip).toEqual(names.ip);
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
