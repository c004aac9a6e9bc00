import { Random } from '../random';
import { elementCount, type NamedTensors } from '../tensor';
import type { Initialization, Unit } from './graph';

/**
 * Fresh parameters and buffers of the units, from the seed alone: each tensor draws from a stream
 * of its own name, so a stage can be initialised by itself.
 *
 * Convolutions: Kaiming normal, fan out, gain sqrt(2) (He et al. 2015, arXiv 1502.01852), as
 * torchvision's ResNet does; linear: uniform in ±1/sqrt(inFeatures), PyTorch's default.
 */
export function initialize(units: readonly Unit[], seed: number): NamedTensors {
  const state: NamedTensors = new Map();
  for (const { parameters, buffers } of units) {
    for (const { name, shape, initialization } of [...parameters, ...buffers]) {
      const sample = sampler(initialization, new Random(seed, 'initialize', name));
      const data = Float32Array.from({ length: elementCount(shape) }, sample);
      state.set(name, { shape, data });
    }
  }
  return state;
}

function sampler(initialization: Initialization, random: Random): () => number {
  switch (initialization.kind) {
    case 'kaimingNormal': {
      const deviation = Math.sqrt(2 / initialization.fanOut);
      return () => deviation * random.normal();
    }
    case 'uniform':
      return () => random.between(-initialization.bound, initialization.bound);
    case 'constant':
      return () => initialization.value;
  }
}
