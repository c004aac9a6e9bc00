import type { HeadlessWorker } from '../headless/headless-worker';
import type { HostServer } from '../http/server';
import type { TrainOptions } from './train-options';

/** Without a number as many as the cut needs; one where the run chooses its cut. */
export function phonesAskedFor({ headlessWorker, cut }: TrainOptions): number {
  if (headlessWorker === true) return cut === 'auto' ? 1 : cut.length;
  return headlessWorker ?? 0;
}

/**
 * Starts local headless browsers as workers and adds each to `phones`; `failed` hears of one that
 * is gone.
 */
export async function startPhones(
  count: number,
  server: HostServer,
  phones: HeadlessWorker[],
  failed: (error: Error) => void,
  report: (text: string) => void,
): Promise<void> {
  if (count === 0) return;
  // Loaded only here: Playwright takes half a second to start.
  const { startHeadlessWorker } = await import('../headless/headless-worker');
  for (let index = 0; index < count; index++) {
    // A guest: nothing of it is remembered.
    const code = server.pairing?.codes.mint(false);
    const phone = await startHeadlessWorker({
      url: code === undefined ? server.url : `${server.url}#${code}`,
      onPageError: (text) => report(`page: ${text}`),
    });
    report(`Headless worker: ${phone.description}`);
    phones.push(phone);
    void phone.closed.then((reason) => {
      failed(new Error(`the headless worker is gone: ${reason}`));
    });
  }
}
