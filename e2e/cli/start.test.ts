import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadCheckpoint } from '../../server/checkpoint/load-checkpoint';
import { emptyFolder, runTandem, trainResultOf } from './run-tandem';

test('npm start learns the shapes: 95% of the pictures that it has not trained on', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: { start: string };
  };
  const [, launcher, ...options] = scripts.start.split(' ');
  expect(launcher).toBe('server/tandem.js');
  const folder = await emptyFolder();
  const ended = await runTandem(folder, ...options, '--port', '0', '--json');
  const result = trainResultOf(ended);
  expect(result.evaluations).toHaveLength(6);
  const last = result.evaluations.at(-1);
  expect(last?.count).toBe(600);
  expect(last?.accuracy).toBeGreaterThanOrEqual(0.95);
  expect(ended.stderr).toMatch(/Worker page: http:\/\/localhost:\d+\//);
  expect(ended.stderr).toMatch(/Done after step \d+[\s\S]+validation accuracy 9\d\.\d%/);
  expect((await loadCheckpoint(join(folder, result.checkpoint))).step).toBe(result.steps);
}, 900_000);
