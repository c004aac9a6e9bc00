import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** GPU buffers of a page's Web Worker, counted where they are made and freed. */
export interface BufferLedger {
  /** Of the buffers that exist. */
  readonly bytes: number;
  readonly count: number;
  /** Since the start. */
  readonly made: number;
}

declare global {
  var bufferLedger: BufferLedger | undefined;
}

/** What keeps the ledger in a Web Worker; it knows nothing of the engine's own accounts. */
const ledgerScript = `{
  const ledger = { bytes: 0, count: 0, made: 0 };
  globalThis.bufferLedger = ledger;
  const alive = new WeakSet();
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = create.call(this, descriptor);
    alive.add(buffer);
    ledger.bytes += descriptor.size;
    ledger.count++;
    ledger.made++;
    return buffer;
  };
  const destroy = GPUBuffer.prototype.destroy;
  GPUBuffer.prototype.destroy = function () {
    if (alive.delete(this)) {
      ledger.bytes -= this.size;
      ledger.count--;
    }
    destroy.call(this);
  };
}
`;

/** Copies the built pages, with a ledger in each Web Worker. */
export async function copyPagesWithLedger(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
  const scripts = await readdir(join(to, 'assets'));
  for (const script of scripts.filter((name) => /^worker-(?!page).*\.js$/.test(name))) {
    const path = join(to, 'assets', script);
    await writeFile(path, ledgerScript + (await readFile(path, 'utf8')));
  }
}
