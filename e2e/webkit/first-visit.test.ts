import { describe, expect, onTestFinished, test } from 'vitest';
import { pageEngines } from './engines';
import type { Phone } from './phone';
import { outsideAddress, SecureHost } from './secure-host';

/* From the picture on the computer's screen into the run, as a device comes for the first time. */

describe.each(pageEngines)('$name', ({ start, search, why }) => {
  async function startPhone(trustsAll: boolean): Promise<Phone> {
    const phone = await start(trustsAll);
    onTestFinished(() => phone.close());
    return phone;
  }

  test.skipIf(why ?? !outsideAddress)(
    'over plain http to the secure page, once it is trusted, and into the run',
    async () => {
      const host = await SecureHost.start();
      onTestFinished(() => host.close());
      const link = `http://${outsideAddress ?? ''}:${host.port}/${search}${host.invitation()}`;
      const wary = await startPhone(false);
      await wary.open(link);
      await wary.says(/Not trusted yet/);
      await wary.keepPicture('connect');

      const trusting = await startPhone(true);
      await trusting.open(link);
      await trusting.shows('waiting');
      expect(await trusting.run('return location.href')).toBe(
        `https://${outsideAddress ?? ''}:${host.securePort}/${search}`,
      );
      expect(host.server.pool.workers).toHaveLength(1);
      expect(await host.devices()).toHaveLength(1);
      expect(await trusting.run('return [isSecureContext, crossOriginIsolated]')).toEqual([
        true,
        true,
      ]);
      await trusting.keepPicture('secure');
    },
  );
});
