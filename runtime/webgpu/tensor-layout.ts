/** How a tensor of torchvision's shape lies in GPU memory. Padding holds zeros. */
export interface TensorLayout {
  readonly bytes: number;
  /** Writes the tensor into zeroed GPU order. */
  pack(tensor: Float32Array, packed: Float32Array): void;
  unpack(packed: Float32Array, tensor: Float32Array): void;
}

/** (channels), padded to a multiple of four. */
export function vectorLayout(channels: number): TensorLayout {
  return permutedLayout(Math.ceil(channels / 4) * 4, channels, (index) => index);
}

/** (out, in, kernel, kernel) as [ky][kx][in][out], in and out padded to multiples of four. */
export function convolutionLayout(
  outChannels: number,
  inChannels: number,
  kernel: number,
): TensorLayout {
  const rows = Math.ceil(inChannels / 4) * 4;
  const columns = Math.ceil(outChannels / 4) * 4;
  const taps = kernel * kernel;
  return permutedLayout(taps * rows * columns, outChannels * inChannels * taps, (index) => {
    const tap = index % taps;
    const channel = Math.floor(index / taps);
    const row = channel % inChannels;
    const column = Math.floor(channel / inChannels);
    return (tap * rows + row) * columns + column;
  });
}

/** (out, in) as [in][out], both padded to multiples of four. */
export function linearLayout(outFeatures: number, inFeatures: number): TensorLayout {
  return convolutionLayout(outFeatures, inFeatures, 1);
}

function permutedLayout(
  packedCount: number,
  count: number,
  place: (index: number) => number,
): TensorLayout {
  return {
    bytes: packedCount * 4,
    pack(tensor, packed) {
      for (let index = 0; index < count; index++) packed[place(index)] = tensor[index] ?? 0;
    },
    unpack(packed, tensor) {
      for (let index = 0; index < count; index++) tensor[index] = packed[place(index)] ?? 0;
    },
  };
}
