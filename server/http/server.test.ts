import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { protocolVersion } from '../../runtime/protocol/message';
import { ListenError, startServer, type HostServer } from './server';

async function serverAt(address = '127.0.0.1'): Promise<HostServer> {
  const server = await startServer(address, 0);
  onTestFinished(() => server.close());
  return server;
}

/** A connection that has asked to upgrade `target`, with the first line that came back. */
async function upgrade(
  { url }: HostServer,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ socket: Socket; status: string }> {
  const { host, port } = new URL(url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  const lines = Object.entries({
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  return { socket, status: answer.toString('latin1').split('\r\n', 1)[0] ?? '' };
}

const accepted = 'HTTP/1.1 101 Switching Protocols';
const forbidden = 'HTTP/1.1 403 Forbidden';

test.each(['//', '/', '/elsewhere'])('an upgrade of %s is not found', async (target) => {
  const server = await serverAt();
  expect((await upgrade(server, target)).status).toBe('HTTP/1.1 404 Not Found');
  expect((await upgrade(server, '/worker')).status).toBe(accepted);
});

test('connections that are reset after an upgrade elsewhere do not end the host', async () => {
  const server = await serverAt();
  for (let count = 0; count < 20; count++) {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const head = `GET /elsewhere HTTP/1.1\r\nHost: localhost:${port}\r\n`;
    socket.write(`${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, () => {
      socket.resetAndDestroy();
    });
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }
  expect((await upgrade(server, '/worker')).status).toBe(accepted);
});

test.each(['/elsewhere', '/worker'])(
  'closes while the other end of an upgrade of %s stays open',
  async (target) => {
    const server = await startServer('127.0.0.1', 0);
    const { socket } = await upgrade(server, target);
    socket.pause();
    await server.close();
    await expect(startServer('127.0.0.1', Number(new URL(server.url).port))).resolves.toSatisfy(
      (next: HostServer) => {
        onTestFinished(() => next.close());
        return next.url === server.url;
      },
    );
  },
  10_000,
);

test('only its own pages may join', async () => {
  const server = await serverAt();
  const { host } = new URL(server.url);
  const status = async (Origin: string): Promise<string> =>
    (await upgrade(server, '/worker', { Origin })).status;
  expect(await status(`http://${host}`)).toBe(accepted);
  expect(await status('https://evil.example')).toBe(forbidden);
  expect(await status('http://localhost:1')).toBe(forbidden);
  expect(await status('null')).toBe(forbidden);
});

test('on loopback it answers to no other name', async () => {
  const server = await serverAt();
  const { port } = new URL(server.url);
  const status = async (name: string): Promise<string> =>
    (await upgrade(server, '/worker', { Host: `${name}:${port}` })).status;
  for (const name of ['localhost', '127.0.0.1', '[::1]']) expect(await status(name)).toBe(accepted);
  expect(await status('rebound.example')).toBe(forbidden);
  expect(await status('127.0.0.1.rebound.example')).toBe(forbidden);
});

test('on all addresses it is localhost for this computer', async () => {
  const server = await serverAt('0.0.0.0');
  expect(server.url).toMatch(/^http:\/\/localhost:\d+\/$/);
  expect(server.isOpenToNetwork).toBe(true);
  expect((await fetch(server.url)).status).not.toBe(403);
});

test('a port that is taken can be told from an address that is not here', async () => {
  const { url } = await serverAt();
  const taken = startServer('127.0.0.1', Number(new URL(url).port));
  await expect(taken).rejects.toMatchObject({ name: 'ListenError', portIsTaken: true });
  const elsewhere = startServer('192.0.2.1', 7070);
  await expect(elsewhere).rejects.toThrow(ListenError);
  await expect(elsewhere).rejects.toMatchObject({ portIsTaken: false });
});

test('a device’s name comes without the characters that a terminal obeys', async () => {
  const server = await serverAt();
  const device = new Promise<string>((resolve) => {
    server.pool.onJoin = (worker) => resolve(worker.device);
  });
  const socket = new WebSocket(new URL('/worker', server.url.replace('http', 'ws')));
  onTestFinished(() => {
    socket.terminate();
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const hello = {
    type: 'hello',
    protocol: protocolVersion,
    engine: 'cpu',
    agent: '',
    instance: 'a',
  };
  socket.send(JSON.stringify({ ...hello, device: 'a\u001b]0;owned\u0007 phone\r\n' }));
  expect(await device).toBe('a]0;owned phone');
});
