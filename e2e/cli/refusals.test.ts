import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConnectionClosedError } from '../../runtime/protocol/connection';
import type { HostMessage } from '../../runtime/protocol/message';
import { ScriptedHost } from '../pages/scripted-host';
import { emptyFolder, lastJson, runTandem, startTandem } from './run-tandem';

const train = [
  ...['train', '--model', 'resnet20', '--batch', '8', '--micro-batch', '4', '--steps', '1'],
  ...['--port', '0', '--json'],
];

test('a folder that holds something else is not taken for a run', async () => {
  const folder = await emptyFolder();
  await mkdir(join(folder, 'mine'));
  await writeFile(join(folder, 'mine/notes.txt'), 'keep me');
  const ended = await runTandem(folder, ...train, '--run', 'mine');
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('mine is not empty; give --run another folder');
  expect(await readdir(join(folder, 'mine'))).toEqual(['notes.txt']);
});

test('a folder of pictures without any, or of one class, is refused', async () => {
  const folder = await emptyFolder();
  await mkdir(join(folder, 'empty'));
  const empty = await runTandem(folder, ...train, '--data', 'empty');
  expect(empty.code).toBe(1);
  expect(empty.stderr).toContain('tandem: empty holds no pictures: expected one folder per class');
  await mkdir(join(folder, 'one/cats'), { recursive: true });
  await writeFile(join(folder, 'one/cats/1.png'), '');
  const one = await runTandem(folder, ...train, '--data', 'one');
  expect(one.code).toBe(1);
  expect(one.stderr).toContain('one holds only one class (cats): expected two or more');
  expect((await readdir(folder)).toSorted()).toEqual(['data', 'empty', 'one']);
});

test.each([
  [['--port', '70000'], 'Expected a port: 0 to 65535.'],
  [['--frobnicate'], "unknown option '--frobnicate'"],
  [['--headless-worker', '--listen', '192.0.2.1'], 'has WebGPU at localhost alone'],
])('%j is wrong usage, in the line of JSON too', async (options, sentence) => {
  const ended = await runTandem(await emptyFolder(), ...train, ...options);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(sentence);
  expect(lastJson(ended)).toMatchObject({ error: expect.stringContaining(sentence) as unknown });
});

test('an address that is not here is named with the port that was asked for', async () => {
  const [, ...options] = train.filter((option) => option !== '--port' && option !== '0');
  const ended = await runTandem(await emptyFolder(), 'train', ...options, '--listen', '192.0.2.1');
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('cannot listen on 192.0.2.1:7070');
});

test('without its headless browser the command ends, and --run can be used again', async () => {
  const folder = await emptyFolder();
  const nowhere = join(folder, 'no-browser');
  process.env['TANDEM_BROWSER'] = nowhere;
  const running = startTandem(folder, ...train, '--headless-worker', '--run', 'first');
  delete process.env['TANDEM_BROWSER'];
  const ended = await running.ended;
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(nowhere);
  expect(await readdir(folder)).not.toContain('first');
});

/** The address of a host that answers each hello with `answer`. */
async function hostThatSays(answer: HostMessage): Promise<string> {
  const host = await ScriptedHost.start(({ connection }) => {
    connection.send(answer);
    connection.close(new ConnectionClosedError('nothing more to say'));
  });
  onTestFinished(() => host.close());
  return host.url;
}

test('a worker that is refused has failed; one whose run is over has not', async () => {
  const folder = await emptyFolder();
  const message = 'another protocol';
  const refuse = { type: 'refuse', reason: 'version-mismatch', message } as const;
  const refused = await runTandem(folder, 'worker', await hostThatSays(refuse), '--json');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('tandem: another protocol (version-mismatch)');
  expect(lastJson(refused)).toMatchObject({ error: 'another protocol (version-mismatch)' });
  const finish = { type: 'finished', message: 'The run is over.' } as const;
  const finished = await runTandem(folder, 'worker', await hostThatSays(finish), '--json');
  expect(finished.code).toBe(0);
  expect(lastJson(finished)).toMatchObject({ steps: 0, ended: 'The run is over.' });
});

test('an interrupt ends a worker whose host does not answer', async () => {
  const folder = await emptyFolder();
  const silent = createServer();
  onTestFinished(() => void silent.close());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const reached = new Promise<Socket>((resolve) => silent.once('connection', resolve));
  const worker = startTandem(folder, 'worker', `http://127.0.0.1:${port}/`, '--json');
  const socket = await reached;
  onTestFinished(() => void socket.destroy());
  worker.process.kill('SIGINT');
  const ended = await worker.ended;
  expect(ended.code).toBe(0);
  expect(lastJson(ended)).toMatchObject({ steps: 0, ended: 'stopped at its terminal' });
});

test('an interrupt while the host is gone ends a worker for good', async () => {
  const folder = await emptyFolder();
  let joined = 0;
  const host = await ScriptedHost.start(({ connection }) => {
    joined++;
    connection.close(new ConnectionClosedError('the host is busy'));
  });
  onTestFinished(() => host.close());
  const worker = startTandem(folder, 'worker', host.url, '--json');
  await worker.sees(/trying again/);
  worker.process.kill('SIGINT');
  const ended = await worker.ended;
  expect(ended.code).toBe(0);
  expect(lastJson(ended)).toMatchObject({ steps: 0, ended: 'stopped at its terminal' });
  expect(joined).toBe(1);
});
