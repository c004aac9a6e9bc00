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
  },
});
const rounds = Number(options.rounds);
const forMs = 1000 * Number(options.seconds);

interface Row {
  readonly contestant: string;
  /** Medians, in bytes a second. */
  readonly down: number;
  readonly up: number;
  /** Of both directions together, to the first row's. */
  readonly ratio: number;
  readonly chose: readonly string[];
}

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

async function inNode(
  host: BenchmarkHost,
): Promise<{ contestant: string; down: number; up: number }[]> {
  const peer = await startTlsPeer(host.identity);
  const child = fork(join(import.meta.dirname, 'node-peer.js'));
  try {
    const rates: { contestant: string; down: number; up: number }[] = [];
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
        rates.push({ contestant: what, ...answer });
      }
    }
    return rates;
  } finally {
    child.kill();
    peer.close();
  }
}

function table(
  rates: readonly { contestant: string; down: number; up: number; chose?: string }[],
): Row[] {
  const names = [...new Set(rates.map(({ contestant }) => contestant))];
  const rows = names.map((contestant) => {
    const own = rates.filter((each) => each.contestant === contestant);
    return {
      contestant,
      down: median(own.map(({ down }) => down)),
      up: median(own.map(({ up }) => up)),
      chose: own.flatMap(({ chose }) => chose ?? []),
    };
  });
  const [first] = rows;
  const base = first ? first.down + first.up : 0;
  return rows.map((row) => ({ ...row, ratio: (row.down + row.up) / base }));
}

function report(where: string, rows: readonly Row[]): void {
  say(`${where}, MB/s down and up at once:`);
  for (const { contestant, down, up, ratio, chose } of rows) {
    const rates = `${megabytes(down)} / ${megabytes(up)}`;
    say(`  ${contestant.padEnd(10)} ${rates.padStart(12)}  ${ratio.toFixed(2)}x`);
    for (const words of chose) say(`             chose ${words}`);
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
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
