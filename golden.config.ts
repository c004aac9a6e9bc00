import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** PyTorch's numbers, which the verify page compares with. */
const files = ['operations.json', 'operations.safetensors'];

/** A part of the build: puts these files of the folder beside the pages. */
export function copyGolden(folder: string): Plugin {
  return {
    name: 'copy-golden',
    applyToEnvironment: ({ name }) => name === 'client',
    async generateBundle() {
      for (const file of files) {
        const source = await readFile(join(folder, file));
        this.emitFile({ type: 'asset', fileName: `golden/${file}`, source });
      }
    },
  };
}
