// The parameter-free shortcut of the CIFAR ResNets (He et al. 2015, option A): every `stride`-th
// pixel, channels padded with zeros on both sides
//
// y[n, c, row, column] = x[n, c - before, stride row, stride column], 0 where that is no channel
//
// x         [batch][height][width][inBlocks] Value4
// y         [batch][outHeight][outWidth][outBlocks] Value4
// dispatch  one thread a vec4f of y: (outWidth * outBlocks, outHeight, batch)

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  height: u32,
  width: u32,
  inChannels: u32,
  inBlocks: u32,
  outHeight: u32,
  outWidth: u32,
  outBlocks: u32,
  stride: u32,
  before: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read_write> y: array<Value4>;

// `channel` wraps around below zero, where there is no channel either.
fn channelValue(base: u32, channel: u32) -> f32 {
  let known = min(channel, params.inChannels - 1u);
  return select(0.0, vec4f(x[base + known / 4u])[known % 4u], known == channel);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.outWidth * params.outBlocks) {
    return;
  }
  let column = id.x / params.outBlocks;
  let block = id.x - column * params.outBlocks;
  let row = id.z * params.height + id.y * params.stride;
  let base = (row * params.width + column * params.stride) * params.inBlocks;
  let channel = 4u * block - params.before;
  let index = (id.z * params.outHeight + id.y) * params.outWidth * params.outBlocks + id.x;
  y[index] = Value4(vec4f(
    channelValue(base, channel),
    channelValue(base, channel + 1u),
    channelValue(base, channel + 2u),
    channelValue(base, channel + 3u),
  ));
}
