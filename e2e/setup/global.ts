import { createBuilder } from 'vite';

/** Builds the pages and the host once; the tests that need them run what a user runs. */
export default async function setup(): Promise<void> {
  const builder = await createBuilder({ configFile: 'vite.config.ts', logLevel: 'warn' });
  await builder.buildApp();
}
