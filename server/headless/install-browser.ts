import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BrowserNotFoundError, findBrowser, type FoundBrowser } from './find-browser';

/** A download or a package installation that says nothing for so long counts as stuck. */
const silenceMs = 60_000;
/** For each connection that Playwright's download tries to open. */
const connectMs = 5_000;

/**
 * The browser that {@link findBrowser} finds, or one installed now: Playwright's Chromium where it
 * can be downloaded, else Debian's `chromium` through apt where the user is root.
 *
 * @param say gets lines on what is tried and what came of it
 * @throws BrowserNotFoundError when none could be installed
 */
export async function installBrowser(say: (line: string) => void): Promise<FoundBrowser> {
  const present = searchBrowser();
  if (present && (await starts(present))) return present;

  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  say(
    `${present ? `${present.path} does not start` : 'No browser found'}; trying Playwright's Chromium…`,
  );
  if (await playwright('install', '--no-shell', 'chromium')) {
    // The libraries that Chromium needs; a failure shows when the browser does not start.
    if (isRoot) await playwright('install-deps', 'chromium');
    const downloaded = searchBrowser();
    if (downloaded && (await starts(downloaded))) return downloaded;
  }
  if (isRoot && existsSync('/usr/bin/apt-get')) {
    say("Playwright's Chromium could not be had; trying Debian's chromium through apt…");
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await runs('apt-get', ['update'], env);
    await runs('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], env);
    const packaged = searchBrowser();
    if (packaged && (await starts(packaged))) return packaged;
  }
  const broken = findBrowser();
  throw new BrowserNotFoundError(
    `${broken.which} (${broken.path}) does not start; run it by hand with --version to see why, or set TANDEM_BROWSER to another`,
  );
}

function searchBrowser(): FoundBrowser | undefined {
  try {
    return findBrowser();
  } catch (error) {
    if (error instanceof BrowserNotFoundError && !process.env['TANDEM_BROWSER']) return undefined;
    throw error;
  }
}

/** Whether the browser runs at all; a download without its system libraries does not. */
function starts({ path }: FoundBrowser): Promise<boolean> {
  // Windows' browsers open a window for --version.
  if (process.platform === 'win32') return Promise.resolve(true);
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: silenceMs }, (error) => {
      resolve(error === null);
    });
  });
}

function playwright(...args: string[]): Promise<boolean> {
  const manifest = createRequire(import.meta.url).resolve('playwright/package.json');
  return runs(process.execPath, [join(dirname(manifest), 'cli.js'), ...args], {
    PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: String(connectMs),
  });
}

/** Runs a program with its output on our standard error; whether it ended well. */
function runs(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, ...process.env },
    });
    const give = () => child.kill('SIGKILL');
    let timer = setTimeout(give, silenceMs);
    const pass = (chunk: Buffer) => {
      clearTimeout(timer);
      timer = setTimeout(give, silenceMs);
      process.stderr.write(chunk);
    };
    child.stdout.on('data', pass);
    child.stderr.on('data', pass);
    child.on('error', () => {
      clearTimeout(timer);
      resolve(false);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}
