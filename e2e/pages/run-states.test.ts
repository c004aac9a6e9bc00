import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { stateFrames } from '../../runtime/protocol/state-transfer';
import type { Tensor } from '../../runtime/tensor';
import { Pipeline } from '../../server/coordinator/pipeline';
import { planPipeline } from '../../server/coordinator/plan';
import { noiseData, smallRun } from '../pipeline/rig';
import { launchBrowser, PhonePage } from './phone';
import { ScriptedHost, type Guest } from './scripted-host';

/*
 * A run as the person with the phone sees it: the page holds the whole network, and the test is
 * the host, so that it can wait in each state until it has looked at the page.
 */

const data = noiseData(smallRun);
const units = 'stem … head';

let browser: Browser;
let host: ScriptedHost;
let phone: PhonePage;
let guest: Guest;
let joined: (guest: Guest) => void;

beforeAll(async () => {
  browser = await launchBrowser('software');
});

beforeEach(async () => {
  const join = new Promise<Guest>((resolve) => (joined = resolve));
  host = await ScriptedHost.start((guest) => {
    joined(guest);
  });
  phone = await PhonePage.open(browser, host.url);
  guest = await join;
});

afterEach(async () => {
  await phone.close();
  await host.close();
});

afterAll(async () => {
  await browser.close();
});

test('connecting, waiting, loading, training, evaluating, finished', async () => {
  const { hello, worker, connection } = guest;
  await phone.shows('connecting');
  await phone.says(/Looking for the computer at 127\.0\.0\.1:\d+/);
  expect(hello.engine).toBe('webgpu');

  worker.idle('The computer is still reading its pictures.');
  await phone.shows('waiting');
  await phone.says(/The computer is still reading its pictures\./);
  await phone.says(new RegExp(`Device\\s+${hello.device}`));

  const { assignments, actions } = planPipeline(smallRun, []);
  const pipeline = new Pipeline([worker], assignments, actions);
  const [memoryBytes = 0] = await pipeline.prepare();
  expect(memoryBytes).toBeGreaterThan(1e6);
  await phone.shows('loading');
  await phone.says(new RegExp(`Preparing.*Share\\s+${units}`, 's'));

  const state = initialize(buildResNet(smallRun.model).units, smallRun.seed);
  const frames = [...stateFrames(state, 0)];
  const half = Math.floor(frames.length / 2);
  const bytes = (part: typeof frames) =>
    part.reduce((sum, tensor) => sum + tensor.data.byteLength, 0);
  const ratio = bytes(frames.slice(0, half)) / bytes(frames);
  // Half of the weights go out, the rest once the page was looked at.
  const send = connection.sendTensor.bind(connection);
  let release: () => void = () => undefined;
  const looked = new Promise<void>((resolve) => (release = resolve));
  let count = 0;
  connection.sendTensor = (frame) =>
    count++ < half ? send(frame) : looked.then(() => send(frame));
  const loaded = pipeline.load(state, 0, 5);
  await phone.titled(new RegExp(`^Loading ${Math.floor(100 * ratio)}% – Tandem$`));
  await phone.says(/Loading weights.*Received\s+\d+ kB of 1\.1 MB/s);
  release();
  await loaded;

  await phone.shows('training');
  await phone.titled(/^Training 0\/5 – Tandem$/);
  const { loss } = await pipeline.step(1, await data.batch(1), 0.01);
  await phone.titled(/^Training 1\/5 – Tandem$/);
  const { page } = phone;
  expect(await page.getByRole('status').getByRole('heading').innerText()).toBe('Training');
  expect(await page.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('1 of 5 steps');
  await phone.says(new RegExp(`1\\s+of 5 steps.*Loss\\s+${loss.toFixed(4)}`, 's'));
  await phone.says(/Images a second\s+[\d.]+\s/);

  for await (const logits of pipeline.evaluate(1, validation(), 2)) {
    expect(logits.shape).toEqual([smallRun.microBatchSize, 4]);
  }
  await phone.shows('evaluating');
  await phone.says(/pictures it was not trained on/);

  worker.finish('5 steps, accuracy 61.2%.');
  await phone.shows('finished');
  await phone.says(/5 steps, accuracy 61\.2%\..*You can close this page/s);
  await phone.press('Start again');
  await phone.shows('connecting');
  expect(phone.errors).toEqual([]);
});

test('a share that is too large for the graphics processor', async () => {
  const { assignments } = planPipeline({ ...smallRun, imageSize: 4096 }, []);
  const [assignment] = assignments;
  if (!assignment) throw new Error('expected one stage');
  const prepared = guest.worker.prepare(assignment);
  await expect(prepared).rejects.toThrow(/is gone: it failed \(limits-too-small\): .*micro-batch/);
  await phone.shows('failed limits-too-small');
  await phone.says(/smaller --micro-batch gives this device less to hold/);
});

test('Stop leaves the run and says how to go on', async () => {
  guest.worker.idle('Nothing to do yet.');
  await phone.shows('waiting');
  await phone.press('Stop');
  await phone.shows('stopped');
  await phone.says(/has left the run.*Start again to go on/s);
  await expect(guest.worker.gone).resolves.toMatchObject({
    message: expect.stringContaining('stopped on the device') as string,
  });
  await phone.press('Start again');
  await phone.shows('connecting');
  expect(phone.errors).toEqual([]);
});

test('a hidden page gives its graphics processor nothing, and goes on in sight', async () => {
  // One micro-batch a step: waiting twice as long as a step takes is then soon done.
  const config = { ...smallRun, batchSize: smallRun.microBatchSize };
  const data = noiseData(config);
  const { assignments, actions } = planPipeline(config, []);
  const pipeline = new Pipeline([guest.worker], assignments, actions);
  await pipeline.prepare();
  await pipeline.load(initialize(buildResNet(smallRun.model).units, smallRun.seed), 0, 5);
  const start = performance.now();
  await pipeline.step(1, await data.batch(1), 0.01);
  const usualMs = performance.now() - start;

  await showPage(phone.page, false);
  let isOver = false;
  const hidden = pipeline.step(2, await data.batch(2), 0.01).finally(() => (isOver = true));
  await pause(2 * usualMs);
  expect(isOver).toBe(false);
  await showPage(phone.page, true);
  expect((await hidden).loss).toBeGreaterThan(0);
  expect(phone.errors).toEqual([]);
});

test('the tiles that were fastest are kept in the browser, and not timed again', async () => {
  const { page } = phone;
  const [, assignment] = planPipeline(smallRun, ['layer3.2']).assignments;
  if (!assignment) throw new Error('expected two stages');
  /** Has time for one of the convolution's three products. */
  const visit = async (): Promise<Record<string, string>> => {
    const join = new Promise<Guest>((resolve) => (joined = resolve));
    await page.goto(`${host.url}?time-tiles=1`);
    const { worker } = await join;
    await worker.prepare(assignment);
    return keptTiles(page);
  };
  const first = Object.entries(await visit());
  expect(first).toHaveLength(1);
  await replaceTiles(page);
  // Were it timed again, the tile that won would win again, not the one that replaced it.
  const second = await visit();
  expect(Object.keys(second)).toHaveLength(2);
  for (const [key, tile] of first) expect(second[key]).toBe(another(tile));
});

/** Every product has at least three tiles. */
function another(tile: string): string {
  return String((Number(tile) + 1) % 3);
}

function keptTiles(page: Page): Promise<Record<string, string>> {
  return page.evaluate(
    () =>
      new Promise<Record<string, string>>((resolve) => {
        const request = indexedDB.open('tandem');
        request.onsuccess = () => {
          const store = request.result.transaction('tiles').objectStore('tiles');
          const keys = store.getAllKeys();
          const values = store.getAll() as IDBRequest<string[]>;
          values.onsuccess = () => {
            const pairs = keys.result.map((key, at) => [key as string, values.result[at] ?? '']);
            request.result.close();
            resolve(Object.fromEntries(pairs) as Record<string, string>);
          };
        };
      }),
  );
}

/** Each by {@link another}. */
async function replaceTiles(page: Page): Promise<void> {
  const kept = Object.entries(await keptTiles(page));
  await page.evaluate(
    (replaced) =>
      new Promise<void>((resolve) => {
        const request = indexedDB.open('tandem');
        request.onsuccess = () => {
          const writing = request.result.transaction('tiles', 'readwrite');
          for (const [key, tile] of replaced) writing.objectStore('tiles').put(tile, key);
          writing.oncomplete = () => {
            request.result.close();
            resolve();
          };
        };
      }),
    kept.map(([key, tile]) => [key, another(tile)] as const),
  );
}

/** Headless browsers have no other tab to go to: the page is told what it would be told. */
function showPage(page: Page, isShown: boolean): Promise<void> {
  return page.evaluate((shown) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: !shown });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isShown);
}

async function* validation(): AsyncGenerator<Tensor> {
  for await (const { input } of data.validation()) yield input;
}
