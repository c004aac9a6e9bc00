import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cable } from '../network/cable';
import { Middlebox } from '../network/middlebox';
import { ScriptedHost } from '../pages/scripted-host';
import { pageEngines } from './engines';
import type { Phone } from './phone';
import { SecureHost } from './secure-host';

/*
 * What happens to a page in daily life, over HTTPS, and that it is back at work afterwards with no
 * help.
 */

describe.each(pageEngines)('$name', ({ start, search, why }) => {
  describe.skipIf(why)('the page', () => {
    let phone: Phone;
    let host: SecureHost;

    beforeAll(async () => {
      phone = await start(true);
      host = await SecureHost.start();
    });

    afterAll(async () => {
      await phone.close();
      await host.close();
    });

    const address = (port = host.securePort): string => `https://127.0.0.1:${port}/${search}`;

    test('is let in by the code of its link, once', async () => {
      await phone.open(address());
      await phone.shows('failed not-paired');
      await phone.keepPicture('not-paired');
      const code = host.invitation();
      await phone.open(address() + code);
      await phone.shows('waiting');
      // The code is gone from the address: a bookmark or a picture of the screen lets nobody in.
      expect(await phone.run('return location.href')).toBe(address());
      expect(await host.devices()).toHaveLength(1);

      const cable = await Cable.between(host.securePort);
      // Another address, and so another device to the browser.
      await phone.open(address(cable.port) + code);
      await phone.shows('failed code-expired');
      await phone.keepPicture('code-expired');
      await cable.close();
    });

    test('comes back when the host was restarted', async () => {
      await phone.open(address());
      await phone.shows('waiting');
      await phone.keepPicture('waiting');
      await host.stop();
      await phone.shows('failed host-gone');
      await phone.keepPicture('host-gone');
      await host.startAgain();
      await phone.shows('waiting');
      expect(host.server.pool.workers).toHaveLength(1);
      expect(await host.devices()).toHaveLength(1);
    });

    test('goes on after it was loaded again, and after a look at another page', async () => {
      await phone.open(address());
      await phone.shows('waiting');
      await phone.reload();
      await phone.shows('waiting');
      await phone.open(`https://127.0.0.1:${host.securePort}/verify`);
      await phone.back();
      await phone.shows('waiting');
      await expect.poll(() => host.server.pool.workers.length).toBe(1);
    });

    test('notices on its return that the link has died with no word', async () => {
      const cable = await Cable.between(host.securePort);
      await phone.open(address(cable.port) + host.invitation());
      await phone.shows('waiting');
      cable.freeze();
      // As it comes to a page that iOS takes out of its cache.
      await phone.run(
        `window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`,
      );
      await phone.shows('failed host-gone');
      await phone.says(/dead when this page came back/);
      cable.thaw();
      await phone.shows('waiting');
      await cable.close();
    });

    test('pairs and joins over requests where WebSockets are blocked', async () => {
      const box = await Middlebox.before(host.securePort, await host.identity());
      await phone.open(address(box.port) + host.invitation());
      await phone.shows('waiting');
      await phone.says(/HTTPS requests/);
      expect(box.numBlocked).toBeGreaterThan(0);
      await phone.reload();
      await phone.shows('waiting');
      await phone.keepPicture('websockets-blocked');
      await box.close();
    });

    test('says so when no connection comes about', async () => {
      const deaf = await ScriptedHost.start();
      await phone.open(deaf.url + search);
      await phone.shows('failed host-unreachable');
      await phone.keepPicture('host-unreachable');
      await deaf.close();
    });
  });
});
