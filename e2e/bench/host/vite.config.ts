import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** Builds the benchmark, so that its processes hold nothing but what they measure. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: resolve('dist/bench/host'),
    emptyOutDir: true,
    target: 'node20',
    ssr: true,
    rolldownOptions: {
      input: ['main', 'ours'].map((name) => resolve(`e2e/bench/host/${name}.ts`)),
      output: { entryFileNames: '[name].js' },
    },
  },
});
