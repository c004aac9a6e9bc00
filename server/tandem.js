#!/usr/bin/env node
// The `tandem` command: builds client and server when the sources are newer than the build, then runs it.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = join(root, 'dist/server/tandem.js');
const sources = ['client', 'runtime', 'server', 'shaders', 'vite.config.ts'].map((name) =>
  join(root, name),
);

function newestChange(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestChange(join(path, name))),
    0,
  );
}

const fromSource = sources.every(existsSync);
if (
  fromSource &&
  (!existsSync(built) || statSync(built).mtimeMs < Math.max(...sources.map(newestChange)))
) {
  process.stderr.write('Building Tandem…\n');
  const { createBuilder } = await import('vite');
  const builder = await createBuilder({
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'warn',
  });
  await builder.buildApp();
}
// A path such as C:\… is no URL.
await import(pathToFileURL(built).href);
