import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Certificates } from '../certificate/certificates';
import { renewCertificate } from './renewal';

test('a failure that stays is told once, and again after a success', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-renewal-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const certificates = new Certificates(folder, () => ({ dns: ['localhost'], ip: ['127.0.0.1'] }));
  const first = await certificates.identity();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const failures: string[] = [];
  const end = renewCertificate(createServer(first), certificates, first, (error) => {
    failures.push(String(error));
  });
  onTestFinished(end);
  const identity = vi.spyOn(certificates, 'identity');
  const look = async (failure?: string): Promise<void> => {
    if (failure === undefined) identity.mockResolvedValueOnce(first);
    else identity.mockRejectedValueOnce(new Error(failure));
    vi.advanceTimersByTime(2_000);
    await new Promise((done) => setTimeout(done));
  };
  for (const failure of ['full', 'full', 'gone', 'gone', undefined, 'gone', 'gone']) {
    await look(failure);
  }
  expect(identity).toHaveBeenCalledTimes(7);
  expect(failures).toEqual(['Error: full', 'Error: gone', 'Error: gone']);
});
