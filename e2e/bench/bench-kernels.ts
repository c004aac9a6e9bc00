import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import express from 'express';
import { chromium } from 'playwright';
import { requestDevice } from '../../runtime/webgpu/device';
import { createDawnGpu } from '../../server/engine/dawn';
import { findBrowser } from '../../server/headless/find-browser';
import { launchOptions, type WebGpuMode } from '../../server/headless/launch-options';
import { runBenchmark, type BenchmarkOptions } from './benchmark';
import type { Report } from './report';

/*
 * `npm run bench:kernels`: ResNet-34's convolutions in Tandem's kernels and in those of its peers,
 * in one headless browser; with `--dawn`, Tandem's alone in Node. docs/benchmark-kernels.md says how.
 */

const { values } = parseArgs({
  options: {
    dawn: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    software: { type: 'boolean', default: false },
    size: { type: 'string' },
    batch: { type: 'string' },
    repetitions: { type: 'string' },
    layers: { type: 'string' },
  },
});

const options: BenchmarkOptions = {
  ...numberOption('size'),
  ...numberOption('batch'),
  ...numberOption('repetitions'),
  ...(values.layers === undefined ? {} : { layers: values.layers.split(',') }),
};

function numberOption(name: 'size' | 'batch' | 'repetitions'): BenchmarkOptions {
  const text = values[name];
  if (text === undefined) return {};
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${name}: expected a whole number from 1, got '${text}'`);
  }
  return { [name]: value };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function onDawn(): Promise<Report> {
  const { gpu, implementation } = await createDawnGpu();
  const { device, description } = await requestDevice(gpu);
  const absent = { reason: 'runs in a browser only' };
  const peers = { tfjs: absent, ort: absent, jaxjs: absent };
  const requested = { device, description: `${implementation}, ${description}` };
  const report = await runBenchmark(requested, peers, options, say);
  device.destroy();
  return report;
}

async function inBrowser(): Promise<Report> {
  const app = express();
  app.use(express.static(join(import.meta.dirname, '../page')));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const modes = values.software ? (['software'] as const) : (['gpu', 'software'] as const);
    for (const mode of modes) {
      const report = await inBrowserMode(mode, `http://127.0.0.1:${port}/`);
      if (report) return report;
    }
  } finally {
    server.close();
  }
  throw new Error('the browser offers no WebGPU adapter, not even in software');
}

/** Undefined where this browser has no WebGPU adapter of the kind. */
async function inBrowserMode(mode: WebGpuMode, url: string): Promise<Report | undefined> {
  const { path, which } = findBrowser();
  const browser = await chromium.launch(launchOptions(path, mode));
  try {
    const page = await browser.newPage();
    page.on('console', (message) => {
      // The lines of the report; libraries warn about much else.
      if (message.type() === 'info') say(message.text());
      else if (message.type() === 'error') process.stderr.write(`${message.text()}\n`);
    });
    page.on('pageerror', (error) => process.stderr.write(`${error.message}\n`));
    await page.goto(url);
    const hasAdapter = await page.evaluate(async () => {
      const gpu = navigator.gpu as GPU | undefined;
      return Boolean(await gpu?.requestAdapter());
    });
    if (!hasAdapter) return undefined;
    say(`${which}, ${browser.version()}`);
    const report = await page.evaluate((given) => globalThis.benchmarkKernels(given), options);
    return { ...report, device: `${which} ${browser.version()}, ${report.device}` };
  } finally {
    await browser.close();
  }
}

const report = await (values.dawn ? onDawn() : inBrowser());
if (values.json) say(JSON.stringify(report));
process.exit(report.correct ? 0 : 1);
