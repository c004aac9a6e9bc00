import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import { chromium } from 'playwright';

/** A Chromium-based browser on this machine. */
export interface FoundBrowser {
  readonly path: string;
  /** Whose browser it is, in words: `Playwright's Chromium`. */
  readonly which: string;
}

/** No browser that could serve as a virtual phone. */
export class BrowserNotFoundError extends Error {
  override readonly name = 'BrowserNotFoundError';
}

/** What the search depends on; tests search machines that aren't theirs. */
export interface BrowserSearch {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly playwrightPath: string;
  readonly exists: (path: string) => boolean;
}

/**
 * The browser to use: `TANDEM_BROWSER`, else Playwright's own Chromium, else Chrome, Chromium or
 * Edge where they are usually installed.
 *
 * @throws BrowserNotFoundError when there is none, or `TANDEM_BROWSER` names no file
 */
export function findBrowser(search: BrowserSearch = thisMachine()): FoundBrowser {
  const given = search.env['TANDEM_BROWSER'];
  if (given) {
    if (search.exists(given)) return { path: given, which: 'the browser named by TANDEM_BROWSER' };
    throw new BrowserNotFoundError(
      `TANDEM_BROWSER: expected the path of a Chromium-based browser, got '${given}', which does not exist; correct or unset it`,
    );
  }
  const found = [
    { path: search.playwrightPath, which: "Playwright's Chromium" },
    ...systemBrowsers(search),
  ].find(({ path }) => path !== '' && search.exists(path));
  if (found) return found;
  const packaged =
    search.platform === 'linux' ? ', or as root `apt-get install chromium` (Debian)' : '';
  throw new BrowserNotFoundError(
    `no Chromium-based browser was found on this computer; install one with \`npx playwright install chromium\`${packaged}, or set TANDEM_BROWSER to the path of one`,
  );
}

function thisMachine(): BrowserSearch {
  return {
    platform: process.platform,
    env: process.env,
    home: homedir(),
    playwrightPath: playwrightPath(),
    exists: existsSync,
  };
}

/** Empty where Playwright has no Chromium for this system. */
function playwrightPath(): string {
  try {
    return chromium.executablePath();
  } catch {
    return '';
  }
}

function systemBrowsers({ platform, env, home }: BrowserSearch): FoundBrowser[] {
  switch (platform) {
    case 'darwin':
      return ['/Applications', posix.join(home, 'Applications')].flatMap((folder) =>
        ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => ({
          path: posix.join(folder, `${name}.app/Contents/MacOS/${name}`),
          which: `the system's ${name}`,
        })),
      );
    case 'win32':
      return ['ProgramFiles', 'ProgramFiles(x86)', 'LocalAppData'].flatMap((variable) => {
        const folder = env[variable];
        if (!folder) return [];
        return [
          { path: 'Google\\Chrome\\Application\\chrome.exe', which: "the system's Google Chrome" },
          { path: 'Chromium\\Application\\chrome.exe', which: "the system's Chromium" },
          {
            path: 'Microsoft\\Edge\\Application\\msedge.exe',
            which: "the system's Microsoft Edge",
          },
        ].map(({ path, which }) => ({ path: win32.join(folder, path), which }));
      });
    default: {
      const names = [
        ['google-chrome', 'Google Chrome'],
        ['google-chrome-stable', 'Google Chrome'],
        ['chromium', 'Chromium'],
        ['chromium-browser', 'Chromium'],
        ['microsoft-edge', 'Microsoft Edge'],
      ] as const;
      const folders = [
        ...(env['PATH'] ?? '').split(':'),
        '/usr/bin',
        '/usr/local/bin',
        '/snap/bin',
      ];
      return names.flatMap(([file, name]) =>
        folders
          .filter((folder) => folder !== '')
          .map((folder) => ({ path: posix.join(folder, file), which: `the system's ${name}` })),
      );
    }
  }
}
