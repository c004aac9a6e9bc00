import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StageEngine } from '../../runtime/engine';
import { engines } from './engines';
import { differenceFrom } from '../../runtime/golden/fingerprint';
import { runCase } from '../../runtime/golden/operation-case';
import { readCases, readSamples } from './read';

/** Of the largest error, once a result is scaled to a root mean square of 1. */
const tolerance = 1e-5;

const samples = readSamples('operations.safetensors');

describe.each(engines)('every operation is PyTorch’s: %s', (_, create) => {
  let engine: StageEngine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each(readCases().map((golden) => [golden.name, golden] as const))(
    '%s',
    async (name, golden) => {
      const results = await runCase(engine, golden);
      expect([...results.keys()].sort()).toEqual(Object.keys(golden.results).sort());
      for (const [key, fingerprint] of Object.entries(golden.results)) {
        const sample = samples.get(`${name}/${key}`) ?? new Float32Array(0);
        const result = results.get(key) ?? { shape: [], data: new Float32Array(0) };
        const { shape, largest, projection } = differenceFrom(fingerprint, sample, result);
        const unit = fingerprint.rms || 1;
        expect(shape, key).toEqual(fingerprint.shape);
        expect(largest / unit, `${key}, largest error`).toBeLessThanOrEqual(tolerance);
        expect(projection / unit, `${key}, projection`).toBeLessThanOrEqual(tolerance);
      }
    },
  );
});
