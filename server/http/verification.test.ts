import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { maxReportBytes } from '../../runtime/verify/report';
import { Verifications } from './verification';

const report = {
  type: 'report',
  device: { name: 'a phone', limits: {}, agent: 'a browser' },
  set: 'quick',
  ms: 10,
  cases: [{ op: 'relu', shape: '2x3', against: 'float64', comparisons: [], ms: 1 }],
};

let folder: string;
let server: Server;
let url: string;
let verifications: Verifications;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-verify-'));
  verifications = new Verifications(join(folder, 'runs'));
  server = createServer(express().use('/api', verifications.routes()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function post(body: string, type = 'application/json') {
  const headers = { 'content-type': type };
  const response = await fetch(`${url}/verify`, { method: 'POST', headers, body });
  return { status: response.status, answer: (await response.json()) as Record<string, string> };
}

test('a report is kept as JSON and announced', async () => {
  const seen: string[] = [];
  verifications.onReport = ({ device }, path) => seen.push(`${device.name} ${path}`);
  const first = await post(JSON.stringify(report));
  const second = await post(JSON.stringify(report));
  expect([first.status, second.status]).toEqual([200, 200]);
  const path = first.answer['kept'] ?? '';
  expect(path).toMatch(/runs\/verify-\d{4}-\d\d-\d\dT[\d-]+\.json$/);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(report);
  expect(await readdir(join(folder, 'runs'))).toHaveLength(2);
  expect(seen).toEqual([`a phone ${path}`, `a phone ${second.answer['kept'] ?? ''}`]);
});

test('a failure is announced and leaves no file', async () => {
  const seen: string[] = [];
  verifications.onFailure = ({ reason }) => seen.push(reason);
  const failure = { type: 'failure', reason: 'no-webgpu', detail: '', agent: 'old' };
  expect((await post(JSON.stringify(failure))).status).toBe(200);
  expect(seen).toEqual(['no-webgpu']);
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['no JSON', '{', 'application/json', 400, 'JSON'],
  ['another kind of body', JSON.stringify(report), 'text/plain', 400, 'verification report'],
  ['no report', '{"type":"report"}', 'application/json', 400, 'verification report, device'],
  [
    'a body that is too large',
    JSON.stringify({ x: 'x'.repeat(maxReportBytes) }),
    'application/json',
    413,
    'too large',
  ],
])('%s is refused', async (_, body, type, status, words) => {
  const refused = await post(body, type);
  expect(refused.status).toBe(status);
  expect(refused.answer['error']).toContain(words);
  expect(await readdir(folder)).toEqual([]);
});

test('failures are told of as often as reports are kept, their text without control characters', async () => {
  const told: string[] = [];
  verifications.onFailure = ({ detail }) => void told.push(detail);
  const failure = { type: 'failure', reason: 'no-webgpu', detail: 'a\u001b[2Jb', agent: 'x' };
  const body = JSON.stringify(failure);
  const statuses = new Set<number>();
  for (let count = 0; count < 200; count++) statuses.add((await post(body)).status);
  expect([...statuses]).toEqual([200]);
  expect((await post(body)).status).toBe(429);
  expect(new Set(told)).toEqual(new Set(['a[2Jb']));
  expect(told).toHaveLength(200);
});
