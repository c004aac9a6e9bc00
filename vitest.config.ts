import { defineConfig } from 'vitest/config';
import LongestFirst from './e2e/setup/longest-first.ts';

export default defineConfig({
  test: {
    include: ['{shaders,runtime,server,client,e2e}/**/*.test.ts'],
    globalSetup: ['e2e/setup/global.ts'],
    reporters: ['default', './e2e/setup/count-reporter.ts'],
    // Native engines (Dawn, ONNX Runtime) don't share a process well.
    pool: 'forks',
    // One more than the two cores that it is timed for: tests of links and sleeping processes wait.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
