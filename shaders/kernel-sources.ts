import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every kernel as it stands, by the name of its file. */
export const kernelSources: ReadonlyMap<string, string> = new Map(
  readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => [file, readFileSync(join(import.meta.dirname, file), 'utf8')]),
);
