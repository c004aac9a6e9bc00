import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { Certificates } from '../certificate/certificates';
import type { HostNames } from '../certificate/names';
import { startServer, type HostServer } from './server';

/* HTTPS beside HTTP. `desk.local` is this computer as another device calls it. */

let names: HostNames;
let certificates: Certificates;
let server: HostServer;
let ca: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-secure-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  names = { dns: ['localhost', 'desk.local'], ip: ['127.0.0.1', '::1'] };
  certificates = new Certificates(folder, () => names);
  server = await startServer('0.0.0.0', 0, { secure: { port: 0, certificates } });
  onTestFinished(() => server.close());
  ca = (await certificates.authority())?.toString() ?? '';
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** GET with a name of the test's choice in the Host header, over whichever scheme `url` has. */
function get(
  url: URL,
  host: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const address = { hostname: '127.0.0.1', port: url.port, path: url.pathname, ca };
  const named = { Host: `${host}:${url.port}`, ...headers };
  return new Promise((resolve, reject) => {
    const request = ask({ ...address, servername: 'localhost', headers: named }, (response) => {
      let body = '';
      response.on('data', (data: Buffer) => (body += data.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    request.on('error', reject).end();
  });
}

const plain = (path = '/'): URL => new URL(path, server.url);
const secure = (path = '/'): URL => new URL(path, server.secureUrl);

/** What the host says to a WebSocket: open, or its HTTP status. */
function joins(url: URL, host: string, origin?: string): Promise<number | 'open'> {
  const socket = new WebSocket(url.href.replace(/^http/, 'ws'), {
    ca,
    headers: { Host: `${host}:${url.port}` },
    ...(origin === undefined ? {} : { origin }),
  });
  onTestFinished(() => {
    socket.terminate();
  });
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve('open'));
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode ?? 0));
    socket.on('error', reject);
  });
}

test('another device is led from http to https, where it may join', async () => {
  for (const path of ['/', '/verify']) {
    const { status, headers, body } = await get(plain(path), 'desk.local');
    expect(status).toBe(200);
    expect(body).toContain('One step before this phone can join');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain(`https://desk.local:${secure().port}`);
  }
  const door = await get(plain('/door.json'), 'desk.local');
  const authority = await certificates.authority();
  expect(JSON.parse(door.body)).toEqual({
    securePort: Number(secure().port),
    authority: /CN=(.*)/.exec(authority?.subject ?? '')?.[1],
    fingerprint: authority?.fingerprint256,
  });
  for (const path of ['/worker/index.html', '/verify/index.html', '/golden/operations.json']) {
    expect((await get(plain(path), 'desk.local')).status).toBe(404);
    expect((await get(secure(path), 'desk.local')).status).toBe(200);
  }
  expect(await joins(plain('/worker'), 'desk.local')).toBe(403);
  expect(await joins(secure('/worker'), 'desk.local', `https://desk.local:${secure().port}`)).toBe(
    'open',
  );
});

test('on this computer http is as good', async () => {
  expect(await joins(plain('/worker'), 'localhost', `http://localhost:${plain().port}`)).toBe(
    'open',
  );
});

test('a name that is none of its own, and a page of the other scheme, may not join', async () => {
  for (const url of [plain, secure]) {
    expect(await joins(url('/worker'), 'rebound.example')).toBe(403);
    expect((await get(url(), 'rebound.example')).status).toBe(403);
  }
  const http = `http://desk.local:${secure().port}`;
  expect(await joins(secure('/worker'), 'desk.local', http)).toBe(403);
  expect(await joins(secure('/worker'), 'desk.local', 'https://evil.example')).toBe(403);
});

test('the profile comes over http, as iOS wants it', async () => {
  const { status, headers, body } = await get(plain('/tandem.mobileconfig'), 'desk.local');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/x-apple-aspen-config');
  expect(body).toContain('com.apple.security.root');
});

test('the secure page tells its own plain page that it is trusted, and nobody else', async () => {
  const ask = async (host: string, origin?: string): Promise<unknown[]> => {
    const headers = origin === undefined ? {} : { Origin: origin };
    const answer = await get(secure('/api/trust'), host, headers);
    return [answer.status, answer.headers['access-control-allow-origin'], answer.body];
  };
  const own = `http://desk.local:${plain().port}`;
  expect(await ask('desk.local', own)).toEqual([204, own, '']);
  expect(await ask('desk.local')).toEqual([204, undefined, '']);
  expect(await ask('desk.local', 'https://evil.example')).toEqual([403, undefined, '']);
  expect(await ask('desk.local', 'null')).toEqual([403, undefined, '']);
  expect(await ask('rebound.example', 'http://rebound.example')).toEqual([403, undefined, '']);
});

test.each(['http:', 'https:'])('over %s every answer is isolated', async (scheme) => {
  const of = scheme === 'http:' ? plain : secure;
  for (const path of ['/', '/nowhere', '/assets/nowhere.js']) {
    for (const host of ['desk.local', 'rebound.example', 'localhost/; script-src *']) {
      const { headers } = await get(of(path), host);
      expect(headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'cross-origin-resource-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
      expect(policy).not.toContain('*');
      expect(headers['x-powered-by']).toBeUndefined();
    }
  }
});

test('a new address is in the certificate without a restart', async () => {
  const presented = (): Promise<X509Certificate> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: Number(secure().port), ca });
      socket.on('error', reject);
      socket.on('secureConnect', () => {
        resolve(new X509Certificate(socket.getPeerCertificate().raw));
        socket.destroy();
      });
    });
  expect((await presented()).checkIP('172.20.10.2')).toBeUndefined();
  names = { ...names, ip: [...names.ip, '172.20.10.2'] };
  await expect
    .poll(async () => (await presented()).checkIP('172.20.10.2'), { timeout: 20_000 })
    .toBe('172.20.10.2');
});
