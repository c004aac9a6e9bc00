import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

/*
 * `npm run imports` guards the layout only as long as its rules fire: here they meet small houses
 * in which each of them is broken once.
 */

const cruiser = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const rules = resolve('.dependency-cruiser.cjs');
const sound = {
  'shaders/add.wgsl': '',
  'runtime/add.ts': "import code from '../shaders/add.wgsl?raw';\nexport default code;\n",
  'runtime/add.test.ts': "import '../server/host';\nimport 'node:fs';\n",
  'server/host.ts': "import '../runtime/add';\nimport 'node:fs';\n",
  'client/page.ts': "import '../runtime/add';\n",
  'e2e/run.test.ts': "import '../server/host';\nimport '../client/page';\n",
};

let house: string;

beforeEach(async () => {
  house = await mkdtemp(join(tmpdir(), 'tandem-imports-'));
});

afterEach(async () => {
  await rm(house, { recursive: true });
});

/** The violations in a house of these files, as `rule: from -> to`. */
async function violations(files: Record<string, string>): Promise<string[]> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(house, path)), { recursive: true });
    await writeFile(join(house, path), text);
  }
  const folders = ['runtime', 'server', 'client', 'e2e'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [cruiser, '--config', rules, '--output-type', 'json', ...folders],
    { cwd: house },
  );
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
  };
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();
}

test('imports that point the right way pass', async () => {
  expect(await violations(sound)).toEqual([]);
});

test('every arrow that runs back is an error', async () => {
  const broken = {
    ...sound,
    'runtime/host.ts': "import '../server/host';\n",
    'runtime/page.ts': "import type {} from '../client/page';\n",
    'runtime/files.ts': "import 'node:fs';\n",
    'server/page.ts': "import '../client/page';\n",
    'server/kernel.ts': "import '../shaders/add.wgsl?raw';\n",
    'client/host.ts': "import '../server/host';\n",
    'client/kernel.ts': "import '../shaders/add.wgsl?raw';\n",
    'client/lost.ts': "import './nowhere';\n",
  };
  expect(await violations(broken)).toEqual([
    'client-knows-no-host: client/host.ts -> server/host.ts',
    'client-knows-no-host: client/kernel.ts -> shaders/add.wgsl',
    'nothing-unresolved: client/lost.ts -> ./nowhere',
    'runtime-knows-no-host-and-no-page: runtime/host.ts -> server/host.ts',
    'runtime-knows-no-host-and-no-page: runtime/page.ts -> client/page.ts',
    'runtime-knows-no-node: runtime/files.ts -> fs',
    'server-knows-no-page: server/kernel.ts -> shaders/add.wgsl',
    'server-knows-no-page: server/page.ts -> client/page.ts',
  ]);
});

test('a cycle is an error, also one of types alone', async () => {
  const circular = {
    ...sound,
    'runtime/hen.ts': "import type { Egg } from './egg';\nexport type Hen = Egg | 1;\n",
    'runtime/egg.ts': "import type { Hen } from './hen';\nexport type Egg = Hen | 2;\n",
  };
  expect(await violations(circular)).toEqual(['no-cycles: runtime/egg.ts -> runtime/hen.ts']);
});
