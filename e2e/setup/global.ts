import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { installBrowser } from '../../server/headless/install-browser';
import { installWebKit, whyNoWebKit } from '../webkit/installation';

/**
 * Once before all tests: browsers, installed where there are none, and the build of pages and host,
 * so that tests run what a user runs.
 */
export default async function setup(): Promise<() => void> {
  // Keys and paired devices of the tests are not those of whoever runs them.
  const home = mkdtempSync(join(tmpdir(), 'tandem-home-'));
  process.env['TANDEM_HOME'] = home;
  const { path, which } = await installBrowser(say);
  say(`Browser: ${which} (${path})`);
  installWebKit(say);
  const why = whyNoWebKit();
  say(why ? `WebKitGTK's tests are skipped: ${why}` : "Safari's engine: WebKitGTK");
  // Inherited by the test processes; Vulkan loaders complain on every start where it is missing.
  process.env['XDG_RUNTIME_DIR'] ??= tmpdir();
  build();
  return () => {
    rmSync(home, { recursive: true, force: true });
  };
}

function build(): void {
  const vite = resolve('node_modules/vite/bin/vite.js');
  // Not in this process: Vitest's NODE_ENV would end up in the pages.
  const env = { ...process.env };
  delete env['NODE_ENV'];
  const { status } = spawnSync(process.execPath, [vite, 'build', '--app', '--logLevel', 'warn'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  if (status !== 0) throw new Error('the build failed; its words stand above');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
