import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { expectTensors } from '../../../server/collector';
import { findBrowser } from '../../../server/headless/find-browser';
import { launchOptions } from '../../../server/headless/launch-options';
import { whyNoWebKit } from '../../webkit/installation';
import { MiniBrowser } from '../../webkit/mini-browser';
import { contestants, type Contestant, type Rates } from './contestant';
import { startBenchmarkHost, type BenchmarkHost } from './host';
import type { NodeAnswer, NodeOrder } from './node-peer';
import { table, type Measured, type Row } from './table';
import { missedTargets } from './targets';
import { startTlsPeer } from './tls-socket';

/*
 * How fast tensors move between the host and a worker over TLS, both ways at once, against a bare
 * WebSocket in the same browser and a plain socket between two Node processes, taking turns.
 */

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    browser: { type: 'string', default: 'chromium,webkitgtk,node' },
    json: { type: 'boolean', default: false },
    targets: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const forMs = 1000 * Number(options.seconds);

async function bench(): Promise<void> {
  const host = await startBenchmarkHost(join(import.meta.dirname, '../link-page'));
  const result: Record<string, readonly Row[]> = {};
  try {
    const browsers = options.browser.split(',');
    if (browsers.includes('chromium')) {
      const rates = await inChromium(host);
      report('Chromium', (result['chromium'] = table(rates)));
    }
    const noWebKit = whyNoWebKit();
    if (noWebKit) say(`WebKitGTK is left out: ${noWebKit}`);
    else if (browsers.includes('webkitgtk')) {
      const rates = await inWebKit(host);
      report('WebKitGTK', (result['webkitgtk'] = table(rates)));
    }
    if (browsers.includes('node')) {
      const rates = await inNode(host);
      report('Node', (result['node'] = table(rates)));
    }
  } finally {
    host.close();
  }
  const missed = options.targets ? missedTargets(result) : [];
  for (const line of missed) say(`missed: ${line}`);
  if (missed.length > 0) process.exitCode = 1;
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** All contestants in turn, as many times as there are rounds. */
function turns(): Contestant[] {
  return Array.from({ length: rounds }, () => contestants).flat();
}

async function inChromium(host: BenchmarkHost): Promise<Rates[]> {
  const browser = await chromium.launch(launchOptions(findBrowser().path, 'none'));
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    const measured = host.measure(turns(), forMs);
    await page.goto(host.origin);
    return await measured;
  } finally {
    await browser.close();
  }
}

async function inWebKit(host: BenchmarkHost): Promise<Rates[]> {
  const browser = await MiniBrowser.start(true);
  try {
    const measured = host.measure(turns(), forMs);
    await browser.session.open(host.origin);
    return await measured;
  } finally {
    await browser.close();
  }
}

async function inNode(host: BenchmarkHost): Promise<Measured[]> {
  const peer = await startTlsPeer(host.identity);
  const child = fork(join(import.meta.dirname, 'node-peer.js'));
  try {
    const rates: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const what of ['socket', 'link'] as const) {
        const order: NodeOrder = {
          what,
          origin: host.origin,
          tlsPort: peer.port,
          ca: host.identity.ca,
          forMs,
        };
        child.send(order);
        const [answer] = (await once(child, 'message')) as [NodeAnswer];
        if ('error' in answer) throw new Error(answer.error);
        rates.push({ contestant: what === 'link' ? 'auto' : what, ...answer });
      }
    }
    return rates;
  } finally {
    child.kill();
    peer.close();
  }
}

function report(where: string, rows: readonly Row[]): void {
  say(`${where}, MB/s down and up at once:`);
  for (const { contestant, down, up, ratio, chose } of rows) {
    const rates = `${megabytes(down)} / ${megabytes(up)}`;
    say(`  ${contestant.padEnd(10)} ${rates.padStart(12)}  ${ratio.toFixed(2)}x`);
    for (const words of chose) say(`             chose ${words}`);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

expectTensors();
bench().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
