import { resolve } from 'node:path';
import { defineConfig } from 'vite';

const here = import.meta.dirname;
const out = resolve(here, '../../../dist/bench');

/** Builds the link benchmark: its page, and the host and the process that it is measured with. */
export default defineConfig({
  root: here,
  logLevel: 'error',
  publicDir: false,
  environments: {
    client: {
      build: { outDir: resolve(out, 'link-page'), emptyOutDir: true, target: 'es2023' },
    },
    ssr: {
      build: {
        outDir: resolve(out, 'link'),
        emptyOutDir: true,
        target: 'node20',
        ssr: true,
        rolldownOptions: {
          input: ['main', 'node-peer'].map((name) => resolve(here, `${name}.ts`)),
          output: { entryFileNames: '[name].js' },
        },
      },
    },
  },
  worker: { format: 'es' },
  builder: {},
});
