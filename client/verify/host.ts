import { decodeSafetensors } from '../../runtime/weights/safetensors';
import { readFloat32 } from '../../runtime/weights/stored-tensor';
import type { OperationCase } from '../../runtime/golden/operation-case';
import type { GoldenData } from '../../runtime/verify/golden-case';
import type { FailureReason } from '../../runtime/worker/status';

/** The host did not give what the page needs. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly reason: FailureReason = 'host-unreachable';
}

/** PyTorch's numbers, from the host. */
export async function fetchGolden(): Promise<GoldenData> {
  const [json, bytes] = await Promise.all(
    ['operations.json', 'operations.safetensors'].map((file) => get(`/golden/${file}`)),
  );
  const text = new TextDecoder().decode(json);
  const { cases } = JSON.parse(text) as { cases: readonly OperationCase[] };
  const { tensors } = decodeSafetensors(bytes ?? new Uint8Array(0));
  const samples = new Map(
    [...tensors].map(([name, stored]) => [name, readFloat32(name, stored)] as const),
  );
  return { cases, samples };
}

async function get(path: string): Promise<Uint8Array> {
  try {
    const response = await fetch(path);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new HostError(`${path}: the computer answered ${response.status}`);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
