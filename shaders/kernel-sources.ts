import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every kernel as it stands, by the path of its file: `relu.wgsl`, `bench/loop-guarded.wgsl`. */
export const kernelSources: ReadonlyMap<string, string> = new Map(
  readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => [
      file.replaceAll('\\', '/'),
      readFileSync(join(import.meta.dirname, file), 'utf8'),
    ]),
);
