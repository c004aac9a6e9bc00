import type { TuningStore } from '../../runtime/webgpu/tile-tuning';

const databaseName = 'tandem';
const storeName = 'tiles';

/**
 * The tiles that were chosen for this device's convolutions, kept in the browser: a Web Worker has
 * no localStorage. All are read at once, so that looking one up waits for nothing. Where the
 * browser keeps nothing (a private window), they are known until the page is closed.
 */
export async function openTileStore(): Promise<TuningStore> {
  const known = new Map<string, string>();
  const database = await open().catch(() => undefined);
  if (database) {
    const store = database.transaction(storeName).objectStore(storeName);
    const [keys, values] = await Promise.all([
      result(store.getAllKeys() as IDBRequest<string[]>),
      result(store.getAll() as IDBRequest<string[]>),
    ]);
    keys.forEach((key, index) => known.set(key, values[index] ?? ''));
  }
  return {
    getItem: (key) => known.get(key) ?? null,
    setItem(key, value) {
      known.set(key, value);
      database?.transaction(storeName, 'readwrite').objectStore(storeName).put(value, key);
    },
  };
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(databaseName, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(storeName);
  };
  return result(request);
}

function result<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('the browser refused its database'));
    };
  });
}
