import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HeadlessWorkerError, startHeadlessWorker } from './headless-worker';

const page = `<!doctype html><title>Phone</title><script type="module">
  console.error('a line of the console');
  setTimeout(() => { throw new Error('nobody caught this'); });
  const adapter = await navigator.gpu.requestAdapter();
  await fetch('/saw', { method: 'POST', body: String(adapter?.info.isFallbackAdapter) });
</script>`;

const failedPage = `<!doctype html><title>Phone</title><body data-state="failed" data-reason="no-adapter">`;

let server: Server;
let url: string;
const saw: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    request.on('data', (body: Buffer) => saw.push(body.toString()));
    response.setHeader('content-type', 'text/html');
    response.end(request.url === '/' ? page : request.url === '/failed' ? failedPage : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('opens the page in a browser with WebGPU, passes its errors on, and closes', async () => {
  const errors: string[] = [];
  const phone = await startHeadlessWorker({
    url,
    software: true,
    onPageError: (text) => errors.push(text),
  });
  await expect.poll(() => saw, { timeout: 20_000 }).toEqual(['true']);
  await expect
    .poll(() => errors, { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['a line of the console', 'nobody caught this']));
  expect(phone.description).toMatch(/ \d+\.[\d.]+, WebGPU in software$/);
  await phone.close();
  expect(await phone.closed).toBe('closed');
});

test('a phone that is killed says so, and closing it again does no harm', async () => {
  const phone = await startHeadlessWorker({ url });
  await phone.kill();
  expect(await phone.closed).toBe('killed');
  await phone.close();
});

test('a page that says that it can’t compute is as good as gone', async () => {
  const phone = await startHeadlessWorker({ url: `${url}failed`, software: true });
  expect(await phone.closed).toBe("its page can't compute (no-adapter)");
  await phone.close();
});

test('a page that can’t be opened is an error that names it', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const nowhere = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/`;
  await new Promise((resolve) => closed.close(resolve));
  const start = startHeadlessWorker({ url: nowhere, software: true });
  await expect(start).rejects.toThrow(HeadlessWorkerError);
  await expect(start).rejects.toThrow(`could not open ${nowhere}: `);
});
