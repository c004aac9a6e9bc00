import { ChromiumPhone } from './chromium-phone';
import { whyNoWebKit } from './installation';
import type { Phone } from './phone';
import { WebKitPhone } from './webkit-phone';

/** A browser engine that pages are tried in. */
export interface PageEngine {
  /** For a test's name; says why its tests are skipped where they are. */
  readonly name: string;
  /** @param trustsAll takes certificates of authorities that it does not know */
  readonly start: (trustsAll: boolean) => Promise<Phone>;
  /** What the page's address needs to join: WebKitGTK has no WebGPU, but the reference engine. */
  readonly search: string;
  /** Why it is not here. */
  readonly why: string | undefined;
}

const noWebKit = whyNoWebKit();

export const pageEngines: readonly PageEngine[] = [
  {
    name: 'Chromium',
    start: (trustsAll) => ChromiumPhone.start(trustsAll),
    search: '',
    why: undefined,
  },
  {
    name: noWebKit ? `WebKitGTK (skipped: ${noWebKit})` : 'WebKitGTK',
    start: (trustsAll) => WebKitPhone.start(trustsAll),
    search: '?engine=reference',
    why: noWebKit,
  },
];
