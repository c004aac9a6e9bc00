/** How a tensor of torchvision's shape lies in GPU memory. Padding holds zeros. */
export interface TensorLayout {
  readonly bytes: number;
  /** Writes the tensor into zeroed GPU order. */
  pack(tensor: Float32Array, packed: Float32Array): void;
  unpack(packed: Float32Array, tensor: Float32Array): void;
}

/** (channels), padded to a multiple of four. */
export function vectorLayout(channels: number): TensorLayout {
  return {
    bytes: roundUp(channels) * 4,
    pack(tensor, packed) {
      packed.set(tensor);
    },
    unpack(packed, tensor) {
      tensor.set(packed.subarray(0, channels));
    },
  };
}

/** (out, in, kernel, kernel) as [ky][kx][in][out], in and out padded to multiples of four. */
export function convolutionLayout(
  outChannels: number,
  inChannels: number,
  kernel: number,
): TensorLayout {
  const taps = kernel * kernel;
  const row = roundUp(outChannels);
  const tapSize = roundUp(inChannels) * row;
  // Each filter's values lie together in the tensor, and `row` apart in GPU order.
  const visit = (move: (index: number, place: number) => void): void => {
    let index = 0;
    for (let o = 0; o < outChannels; o++) {
      for (let i = 0; i < inChannels; i++) {
        const first = i * row + o;
        for (let tap = 0; tap < taps; tap++) move(index++, first + tap * tapSize);
      }
    }
  };
  return {
    bytes: taps * tapSize * 4,
    pack(tensor, packed) {
      visit((index, place) => {
        packed[place] = tensor[index] ?? 0;
      });
    },
    unpack(packed, tensor) {
      visit((index, place) => {
        tensor[index] = packed[place] ?? 0;
      });
    },
  };
}

/** (out, in) as [in][out], both padded to multiples of four. */
export function linearLayout(outFeatures: number, inFeatures: number): TensorLayout {
  return convolutionLayout(outFeatures, inFeatures, 1);
}

function roundUp(channels: number): number {
  return Math.ceil(channels / 4) * 4;
}
