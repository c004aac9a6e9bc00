/**
 * Safari on iPhones and iPads reloads a page that takes about 1.5 GB, the graphics processor's part
 * included (WebKit 49472), and says nothing: this leaves room for the page itself.
 */
const appleHandheldBytes = 1e9;

/** What there is of `navigator`. */
export interface Browser {
  readonly userAgent: string;
  readonly maxTouchPoints: number;
}

/**
 * Bytes that a stage may take on this device: `?memory=MEGABYTES` in the page's address, else what
 * is known of it; undefined where nothing is.
 */
export function memoryBudget(
  { userAgent, maxTouchPoints }: Browser,
  query: string,
): number | undefined {
  const asked = Number(new URLSearchParams(query).get('memory'));
  if (asked > 0 && Number.isFinite(asked)) return Math.round(asked * 1e6);
  // An iPad calls itself a Macintosh, and no Macintosh has a touch screen.
  const isHandheld = /iPhone|iPad/.test(userAgent) || (/Mac/.test(userAgent) && maxTouchPoints > 1);
  return isHandheld ? appleHandheldBytes : undefined;
}
