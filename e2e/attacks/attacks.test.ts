import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { encodeRecord } from '../../runtime/link/record';
import { joined } from '../../runtime/protocol/pieces';
import { streamProtocol } from '../../server/link/stream-lane';
import { emptyFolder, runTandem, startTandem, trainResultOf } from '../cli/run-tandem';
import { hello, proof, raw, visit, visitStream, type Loot } from './visitor';

/*
 * A real run with a real worker over TLS, and visitors that nobody invited, all at once. None gets a
 * tensor or a file, and the run's losses are those of a run without them.
 */

const small = [
  ...['train', '--data', 'shapes', '--model', 'resnet20', '--seed', '7', '--json'],
  ...['--batch', '32', '--micro-batch', '8', '--lr-schedule', 'constant', '--warmup-steps', '0'],
];

test('uninvited visitors get neither tensor nor file, and change no loss', async () => {
  const loot: Record<string, Loot> = {};
  const answers: Record<string, string> = {};
  let numClosed = 0;
  const folder = await emptyFolder();
  const ports = ['--port', '0', '--https-port', '0'];
  const options = [...small, ...ports, '--steps', '100000', '--cut', 'layer3.0', '--wait-for', '1'];
  const host = startTandem(folder, ...options);
  const [, code = ''] = await host.sees(/http:\/\/localhost:\d+\/#([\w-]{22})/);
  const [link] = await host.sees(/http:\/\/(?!localhost)[\d.]+:\d+\/#[\w-]{22}\.[\w-]{22}/);
  const worker = startTandem(folder, 'worker', link, '--threads', '1');
  await worker.sees(/Training|step 1/);
  const name = new URL(link).hostname;
  const { securePort } = (await (await fetch(`http://${new URL(link).host}/door.json`)).json()) as {
    securePort: number;
  };
  const origin = `https://${name}:${securePort}`;
  const big = new Uint8Array(9 << 20);
  const frame = joined(encodeRecord({ kind: 'frame', sequence: 0, body: [new Uint8Array(64)] }));
  const attempts: Record<string, () => Promise<Loot>> = {
    'no code': () => visit(origin, [hello], (nonce) => proof(nonce)),
    'no code, to measure the link': () =>
      visit(origin, [{ ...hello, purpose: 'measurement' }], (nonce) => proof(nonce)),
    'a used code': () => visit(origin, [hello], (nonce) => proof(nonce, code)),
    'a guessed code': () => visit(origin, [hello], (nonce) => proof(nonce, 'A'.repeat(22))),
    'a signature of another challenge': () => visit(origin, [hello], () => proof('other', code)),
    'no proof': () => visit(origin, [hello, { type: 'ready', plan: 1 }]),
    'no hello': () => visit(origin, [{ type: 'prepared', plan: 1, memoryBytes: 1 }]),
    'a frame first': () => visit(origin, [new Uint8Array(64)]),
    'a frame for a proof': () => visit(origin, [hello, new Uint8Array(64)]),
    'no JSON': () => visit(origin, ['{']),
    'a message that is too long': () => visit(origin, [big]),
    'a text that is too long': () => visit(origin, [' '.repeat(9 << 20)]),
    'a foreign page': () => visit(origin, [hello], undefined, { origin: 'https://evil.example' }),
    'a page of the plain scheme': () =>
      visit(origin, [hello], undefined, { origin: `http://${name}` }),
    'a rebound name': () =>
      visit(origin, [hello], undefined, { headers: { Host: 'evil.example' } }),
    'a stream of no link': () => visitStream(origin, new Uint8Array(), {}, false),
    'a foreign page’s stream': () => visitStream(origin, frame, { origin: 'https://evil.example' }),
    'a rebound name’s stream': () => visitStream(origin, frame, { host: 'evil.example' }),
    'a frame first, on a stream': () => visitStream(origin, frame),
    'no records, on a stream': () => visitStream(origin, big),
    'plain http': () => visit(`http://${new URL(link).host}`, [hello]),
  };
  const streamHeaders = ` HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ${streamProtocol}\r\n`;
  const paths = [
    '/../package.json',
    '/../../../../../../etc/passwd',
    '/%2e%2e/%2e%2e/package.json',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/assets/....//....//package.json',
    '/assets/..\\..\\package.json',
    '//etc/passwd',
    '/golden/..%2f..%2f..%2fpackage.json',
    '/.git/config',
    '/assets/%00',
  ];
  // Its ten seconds are those of the crowd's handshakes.
  const slowHeaders = raw(securePort, `GET / HTTP/1.1\r\nHost: ${name}:${securePort}\r\nX-Slow: `);
  const crowd: Socket[] = [];
  const crowdIsGone = Promise.all(
    Array.from({ length: 1000 }, () => {
      const socket = connect(securePort, name);
      crowd.push(socket);
      socket.on('error', () => undefined);
      return new Promise<void>((resolve) =>
        socket.on('close', () => {
          numClosed++;
          resolve();
        }),
      );
    }),
  );
  // The crowd holds every place that one address has, until the handshakes' time is over.
  await crowdIsGone;
  await Promise.all([
    ...Object.entries(attempts).map(async ([who, attempt]) => (loot[who] = await attempt())),
    ...paths.map(async (path) => {
      const request = `GET ${path} HTTP/1.1\r\nHost: ${name}:${securePort}\r\nConnection: close\r\n\r\n`;
      answers[path] = await raw(securePort, request);
    }),
    raw(securePort, `POST /worker${streamHeaders}Host: ${name}:${securePort}\r\n\r\n`).then(
      (answer) => (answers['a stream by POST'] = answer),
    ),
    raw(securePort, `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(1 << 17)}\r\n\r\n`).then((answer) => {
      answers['long headers'] = answer;
    }),
  ]);
  host.process.kill('SIGINT');
  const ended = await host.ended;
  const attacked = trainResultOf(ended);
  await worker.ended;
  const steps = String(attacked.steps);
  const nobody = ['--cut', 'none', '--listen', 'localhost'];
  const alone = await runTandem(folder, ...small, ...ports, ...nobody, '--steps', steps);
  // Nobody uninvited is welcome, and nobody gets a tensor.
  for (const [who, { said, numBinary }] of Object.entries(loot)) {
    expect(said, who).not.toContain('welcome');
    expect(numBinary, who).toBe(0);
  }
  const ends = Object.fromEntries(
    Object.entries(loot).map(([who, { said, end }]) => [who, [...said, end].join(', ')]),
  );
  expect(ends).toEqual({
    'no code': 'challenge, refuse not-paired, 1000',
    'no code, to measure the link': 'challenge, refuse not-paired, 1000',
    'a used code': 'challenge, refuse code-expired, 1000',
    'a guessed code': 'challenge, refuse not-paired, 1000',
    'a signature of another challenge': 'challenge, refuse not-paired, 1000',
    'no proof': 'challenge, 1002',
    'no hello': '1002',
    'a frame first': '1002',
    'a frame for a proof': 'challenge, 1002',
    'no JSON': '1002',
    'a message that is too long': '1009',
    'a text that is too long': '1009',
    'a foreign page': '403',
    'a page of the plain scheme': '403',
    'a rebound name': '403',
    'a stream of no link': '404',
    'a foreign page’s stream': '403',
    'a rebound name’s stream': '403',
    'a frame first, on a stream': 'opened, 101',
    'no records, on a stream': 'opened, 101',
    'plain http': '403',
  });
  // No file leaves the folder of the pages.
  const { 'long headers': long, 'a stream by POST': posted, ...rest } = answers;
  expect(posted).toMatch(/^HTTP\/1\.1 405 /);
  for (const [path, answer] of Object.entries(rest)) {
    expect(answer, path).toMatch(/^HTTP\/1\.1 (400|403|404) /);
    expect(answer, path).not.toMatch(/"name":|root:|\[core\]/);
  }
  expect(await slowHeaders).toMatch(/^HTTP\/1\.1 408 /);
  expect(long).toMatch(/^HTTP\/1\.1 431 /);
  // A thousand connections are cut, and the run is the one without them.
  expect(numClosed).toBe(1000);
  expect(attacked).toMatchObject({ rollbacks: 0, stepsReplayed: 0, cut: 'layer3.0' });
  expect(attacked.steps).toBeGreaterThan(10);
  expect(attacked.losses).toEqual(trainResultOf(alone).losses);
  expect(ended.stderr).not.toContain('intruder');
}, 300_000);
