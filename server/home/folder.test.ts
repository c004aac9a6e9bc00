import { expect, test } from 'vitest';
import { homeFolder } from './folder';

test.each([
  ['linux', {}, '/home/a/.local/share/tandem'],
  ['linux', { XDG_DATA_HOME: '/data' }, '/data/tandem'],
  ['darwin', { XDG_DATA_HOME: '/data' }, '/home/a/Library/Application Support/Tandem'],
  ['win32', { LOCALAPPDATA: '/local' }, '/local/Tandem'],
  ['win32', { TANDEM_HOME: '/here', LOCALAPPDATA: '/local' }, '/here'],
] as const)('on %s with %j: %s', (platform, env, folder) => {
  expect(homeFolder({ platform, env, home: '/home/a' })).toBe(folder);
});
