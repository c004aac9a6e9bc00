import { expect, test } from 'vitest';
import { BrowserNotFoundError, findBrowser, type BrowserSearch } from './find-browser';

/** A machine that holds only these files. */
function machine(files: string[], rest: Partial<BrowserSearch> = {}): BrowserSearch {
  return {
    platform: 'linux',
    env: { PATH: '/opt/bin:/usr/bin' },
    home: '/home/ada',
    playwrightPath: '/home/ada/.cache/ms-playwright/chromium-1/chrome-linux/chrome',
    exists: (path) => files.includes(path),
    ...rest,
  };
}

const playwright = '/home/ada/.cache/ms-playwright/chromium-1/chrome-linux/chrome';
const windows = {
  platform: 'win32',
  env: { ProgramFiles: 'C:\\Program Files', LocalAppData: 'C:\\Users\\ada\\AppData\\Local' },
  playwrightPath: '',
} as const;

test('the order of choice: the named one, Playwright’s, the system’s', () => {
  const files = ['/opt/mine', playwright, '/usr/bin/chromium'];
  const named = machine(files, { env: { TANDEM_BROWSER: '/opt/mine' } });
  expect(findBrowser(named).path).toBe('/opt/mine');
  expect(findBrowser(machine(files))).toEqual({ path: playwright, which: "Playwright's Chromium" });
  expect(findBrowser(machine(['/usr/bin/chromium']))).toEqual({
    path: '/usr/bin/chromium',
    which: "the system's Chromium",
  });
});

test.each([
  ['linux, on the PATH', ['/opt/bin/google-chrome'], {}],
  ['linux, snap', ['/snap/bin/chromium'], {}],
  [
    'macOS',
    ['/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge'],
    { platform: 'darwin' },
  ],
  [
    'macOS, the user’s own',
    ['/home/ada/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
    { platform: 'darwin' },
  ],
  ['Windows', ['C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe'], windows],
  [
    'Windows, the user’s own',
    ['C:\\Users\\ada\\AppData\\Local\\Chromium\\Application\\chrome.exe'],
    windows,
  ],
] as const)('finds the browser of %s', (_, files, rest) => {
  expect(findBrowser(machine([...files], rest)).path).toBe(files[0]);
});

test('none: the error names the remedy', () => {
  expect(() => findBrowser(machine([]))).toThrow(BrowserNotFoundError);
  expect(() => findBrowser(machine([]))).toThrow('npx playwright install chromium');
  expect(() => findBrowser(machine([]))).toThrow('apt-get install chromium');
  expect(() => findBrowser(machine([], windows))).toThrow(/chromium`, or set TANDEM_BROWSER/);
});

test('a TANDEM_BROWSER that does not exist is named, even where another browser is', () => {
  const search = machine([playwright], { env: { TANDEM_BROWSER: '/opt/gone' } });
  expect(() => findBrowser(search)).toThrow("got '/opt/gone', which does not exist");
});
