import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';

/*
 * WebKitGTK 2.50 is the engine generation of Safari 26, without WebGPU: what runs the pages as an
 * iPhone does. It comes with Debian; elsewhere its tests are skipped.
 */

/** The driver (with its MiniBrowser), and a display for a browser that has no headless mode. */
const programs = ['WebKitWebDriver', 'Xvfb'];
const packages = ['webkit2gtk-driver', 'xvfb'];

/** Why WebKitGTK can't run here, in one sentence; undefined where it can. */
export function whyNoWebKit(): string | undefined {
  const missing = programs.filter((program) => !isInPath(program));
  if (missing.length === 0) return undefined;
  return `no ${missing.join(' and no ')}: on Debian or Ubuntu, apt-get install ${packages.join(' ')}`;
}

/** Installs what is missing through apt, where there is one and the user may use it. */
export function installWebKit(say: (line: string) => void): void {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  if (whyNoWebKit() === undefined || !isRoot || !existsSync('/usr/bin/apt-get')) return;
  say('WebKitGTK is missing; trying apt…');
  const apt = (...args: string[]): void => {
    spawnSync('apt-get', args, {
      // Standard output carries the results of tests.
      stdio: ['ignore', 2, 2],
      env: { DEBIAN_FRONTEND: 'noninteractive', ...process.env },
      timeout: 300_000,
    });
  };
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
}

function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
