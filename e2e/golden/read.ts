import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationCase } from '../../runtime/golden/operation-case';
import { decodeSafetensors } from '../../runtime/weights/safetensors';
import { readFloat32 } from '../../runtime/weights/stored-tensor';

/** A golden JSON file; the scripts beside it write what the types say. */
export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
}

/** All values in a golden safetensors file, by name. */
export function readSamples(file: string): ReadonlyMap<string, Float32Array> {
  const bytes = new Uint8Array(readFileSync(join(import.meta.dirname, file)));
  return new Map(
    [...decodeSafetensors(bytes).tensors].map(([name, stored]) => [
      name,
      readFloat32(name, stored),
    ]),
  );
}

/** The cases of `operations.json`. */
export function readCases(): readonly OperationCase[] {
  return (readJson('operations.json') as { cases: OperationCase[] }).cases;
}
