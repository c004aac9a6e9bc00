import { proofAlgorithm, statement, type DeviceIdentity } from '../../runtime/pairing/proof';

// Not the tiles' one: each has a version of its own.
const database = 'tandem-pairing';
const store = 'keys';
const keyName = 'device';

/**
 * This browser as a device that a host knows again: its key lies in IndexedDB and can be used, but
 * not read, not even by this page.
 * @param code of the link that the page was opened by
 */
export function browserIdentity(code: string | undefined): DeviceIdentity {
  let made: Promise<CryptoKeyPair> | undefined;
  return {
    prove: async (nonce) => {
      const { privateKey, publicKey } = await (made ??= deviceKey());
      const signature = await crypto.subtle.sign(
        proofAlgorithm,
        privateKey,
        statement(nonce, code),
      );
      const key = await crypto.subtle.exportKey('spki', publicKey);
      return {
        key: toBase64Url(new Uint8Array(key)),
        signature: toBase64Url(new Uint8Array(signature)),
        ...(code === undefined ? {} : { code }),
      };
    },
  };
}

/**
 * The kept key, or a fresh one. Where the browser keeps nothing, as in a private window, the key
 * lasts as long as the page, which then needs a new code when it is opened again.
 */
async function deviceKey(): Promise<CryptoKeyPair> {
  try {
    const opened = await open();
    const known = await kept(opened);
    if (known) return known;
    const fresh = await freshKey();
    // Another tab may have been first: then `add` fails, and its key counts.
    try {
      await ask(keys(opened, 'readwrite').add(fresh, keyName));
      return fresh;
    } catch {
      return (await kept(opened)) ?? fresh;
    }
  } catch {
    return freshKey();
  }
}

function freshKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(proofAlgorithm, false, ['sign', 'verify']);
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(store);
  return ask(request);
}

function keys(opened: IDBDatabase, mode: IDBTransactionMode): IDBObjectStore {
  return opened.transaction(store, mode).objectStore(store);
}

/** The kept key pair: nothing else is ever put there. */
function kept(opened: IDBDatabase): Promise<CryptoKeyPair | undefined> {
  return ask(keys(opened, 'readonly').get(keyName) as IDBRequest<CryptoKeyPair | undefined>);
}

function ask<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'));
  });
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
