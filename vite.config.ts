import { resolve } from 'node:path';
import { defineConfig } from 'vite';
import { copyGolden } from './golden.config.ts';
import { drawIcons } from './icons.config.ts';

const root = import.meta.dirname;

/** One `vite build` makes the pages (dist/client) and the host (dist/server). */
export default defineConfig({
  root: resolve(root, 'client'),
  appType: 'mpa',
  plugins: [
    drawIcons(resolve(root, 'client/worker/icon.svg')),
    copyGolden(resolve(root, 'e2e/golden')),
  ],
  environments: {
    client: {
      build: {
        outDir: resolve(root, 'dist/client'),
        emptyOutDir: true,
        target: 'es2023',
        rolldownOptions: {
          input: {
            'connect-page': resolve(root, 'client/connect/index.html'),
            'worker-page': resolve(root, 'client/worker/index.html'),
            'verify-page': resolve(root, 'client/verify/index.html'),
            'bench-page': resolve(root, 'client/bench/index.html'),
          },
        },
      },
    },
    ssr: {
      build: {
        outDir: resolve(root, 'dist/server'),
        emptyOutDir: true,
        target: 'node20',
        ssr: true,
        sourcemap: true,
        rolldownOptions: {
          input: {
            tandem: resolve(root, 'server/cli/tandem.ts'),
            'engine-thread': resolve(root, 'server/engine/engine-thread.ts'),
          },
          // One flat folder: a chunk finds the thread's entry beside itself.
          output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
        },
      },
    },
  },
  worker: { format: 'es' },
  builder: {},
});
