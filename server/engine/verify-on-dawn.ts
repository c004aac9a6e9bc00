import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationCase } from '../../runtime/golden/operation-case';
import type { VerificationCase } from '../../runtime/verify/case';
import type { CaseSet } from '../../runtime/verify/case-set';
import { verificationCases } from '../../runtime/verify/cases';
import type { GoldenData } from '../../runtime/verify/golden-case';
import type { VerificationReport } from '../../runtime/verify/report';
import { runCases, type CaseResult } from '../../runtime/verify/run';
import { iPhoneLimits, requestDevice } from '../../runtime/webgpu/device';
import { hasHalf } from '../../runtime/webgpu/precision';
import { decodeSafetensors } from '../../runtime/weights/safetensors';
import { readFloat32 } from '../../runtime/weights/stored-tensor';
import { createDawnGpu, describeDawnDevice } from './dawn';

/** What a verification on this computer gave. */
export interface DawnVerification {
  readonly device: VerificationReport['device'];
  readonly results: readonly CaseResult[];
  readonly ms: number;
}

/** Runs the cases through Dawn, on a device with no more than the iPhone's limits. */
export async function runOnDawn(
  set: CaseSet,
  events: { begin(next: VerificationCase, done: number, total: number): void },
): Promise<DawnVerification> {
  const { gpu, implementation } = await createDawnGpu();
  const target = await requestDevice(gpu, iPhoneLimits);
  const cases = verificationCases(set, await readGolden(), hasHalf(target.device));
  const results: CaseResult[] = [];
  const started = Date.now();
  await runCases(target, cases, {
    begin: (next, done) => events.begin(next, done, cases.length),
    result: (result) => void results.push(result),
  });
  const ms = Date.now() - started;
  const device = describeDawnDevice(target, implementation);
  target.device.destroy();
  return { device, results, ms };
}

/** PyTorch's numbers; beside the host, built or not. */
const goldenFolder = join(import.meta.dirname, '../../e2e/golden');

async function readGolden(): Promise<GoldenData> {
  const json = await readFile(join(goldenFolder, 'operations.json'), 'utf8');
  const { cases } = JSON.parse(json) as { cases: readonly OperationCase[] };
  const bytes = new Uint8Array(await readFile(join(goldenFolder, 'operations.safetensors')));
  const samples = new Map(
    [...decodeSafetensors(bytes).tensors].map(
      ([name, stored]) => [name, readFloat32(name, stored)] as const,
    ),
  );
  return { cases, samples };
}
