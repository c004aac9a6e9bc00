import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** Builds the soak test; it puts the pages of its server beside this folder. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: resolve('dist/soak/host'),
    emptyOutDir: true,
    target: 'node20',
    ssr: true,
    rolldownOptions: { input: resolve('e2e/bench/soak/main.ts') },
  },
});
