import type { Server } from 'node:https';
import type { Certificates, TlsIdentity } from '../certificate/certificates';

/** How often the certificate is looked after: a cable that is plugged in brings an address. */
const checkMs = 2_000;

/**
 * Keeps a server's certificate good for all of this computer's addresses, without a restart.
 * @param failed hears of a failure, once while it stays the same; the server goes on with what it has
 * @returns a function that ends it
 */
export function renewCertificate(
  server: Server,
  certificates: Certificates,
  first: TlsIdentity,
  failed: (error: unknown) => void,
): () => void {
  let current = first.cert;
  let isBusy = false;
  let lastFailure: string | undefined;
  const check = async (): Promise<void> => {
    const identity = await certificates.identity();
    lastFailure = undefined;
    if (identity.cert === current) return;
    current = identity.cert;
    server.setSecureContext(identity);
  };
  const tell = (error: unknown): void => {
    if (String(error) === lastFailure) return;
    lastFailure = String(error);
    failed(error);
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void check()
      .catch(tell)
      .finally(() => (isBusy = false));
  }, checkMs).unref();
  return () => {
    clearInterval(timer);
  };
}
