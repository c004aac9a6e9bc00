import { resolve } from 'node:path';
import { defineConfig } from 'vite';

const here = import.meta.dirname;
const out = resolve(here, '../../dist/bench');

/** Builds the kernel benchmark: its page with all peers, and what opens it. Not in the product. */
export default defineConfig({
  root: here,
  logLevel: 'error',
  environments: {
    client: {
      build: {
        outDir: resolve(out, 'page'),
        emptyOutDir: true,
        target: 'es2023',
        chunkSizeWarningLimit: Infinity,
      },
    },
    ssr: {
      build: {
        outDir: resolve(out, 'host'),
        emptyOutDir: true,
        target: 'node20',
        ssr: true,
        rolldownOptions: { input: resolve(here, 'bench-kernels.ts') },
      },
    },
  },
  builder: {},
});
