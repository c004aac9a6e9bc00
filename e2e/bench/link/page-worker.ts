import { browserPlatform } from '../../../client/worker/browser-platform';
import type { Contestant, Rates } from './contestant';
import { measureEcho, measureLink } from './measure';

/** Asks the host what to measure, and tells it the rates, until there is nothing more. */
async function work(): Promise<void> {
  const { origin } = location;
  let rates: Rates | undefined;
  for (;;) {
    const answer = await fetch('/next', { method: 'POST', body: JSON.stringify(rates ?? null) });
    const next = (await answer.json()) as { contestant: Contestant; forMs: number } | null;
    if (!next) return;
    const { contestant, forMs } = next;
    rates =
      contestant === 'echo'
        ? await measureEcho(origin, browserPlatform, forMs)
        : await measureLink(origin, browserPlatform, contestant, forMs, true);
  }
}

self.addEventListener('message', () => {
  work().catch((error: unknown) => {
    const body = error instanceof Error ? error.message : String(error);
    void fetch('/error', { method: 'POST', body });
  });
});
