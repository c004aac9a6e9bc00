import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { join } from 'node:path';
import { statement, type DeviceIdentity } from '../../runtime/pairing/proof';
import { homeFolder } from '../home/folder';
import { createPrivate, HomeError, readPrivate } from '../home/private-file';

/**
 * This computer as a worker of other hosts: its key lies in the user's data folder (0600) and is
 * made the first time. Throws HomeError.
 */
export async function nodeIdentity(
  code: string | undefined,
  folder = homeFolder(),
): Promise<DeviceIdentity> {
  const path = join(folder, 'device-key.pem');
  const privateKey = await ensureKey(path);
  const key = createPublicKey(privateKey)
    .export({ format: 'der', type: 'spki' })
    .toString('base64url');
  return {
    prove: (nonce) => {
      const signature = sign('sha256', statement(nonce, code), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      }).toString('base64url');
      return Promise.resolve({ key, signature, ...(code === undefined ? {} : { code }) });
    },
  };
}

async function ensureKey(path: string): Promise<KeyObject> {
  const kept = await readPrivate(path);
  if (kept !== undefined) {
    try {
      return createPrivateKey(kept);
    } catch (error) {
      throw new HomeError(
        `${path}: expected a private key, got something else; delete it, and pair anew`,
        { cause: error },
      );
    }
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return (await createPrivate(path, pem.toString())) ? privateKey : ensureKey(path);
}
