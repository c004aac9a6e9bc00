// Input gradient of the padded shortcut; added to dx when `accumulate` is 1
//
// dx[n, c, stride row, stride column] = dy[n, before + c, row, column]; the pixels between get none
//
// dy        [batch][outHeight][outWidth][outBlocks] Value4
// dx        [batch][height][width][inBlocks] Value4
// dispatch  one thread a vec4f of dx: (width * inBlocks, height, batch)

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
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<Value4>;
@group(0) @binding(2) var<storage, read_write> dx: array<Value4>;

fn channelGradient(base: u32, channel: u32) -> f32 {
  let known = min(channel, params.inChannels - 1u);
  let place = known + params.before;
  return select(0.0, vec4f(dy[base + place / 4u])[place % 4u], known == channel);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.width * params.inBlocks) {
    return;
  }
  let x = id.x / params.inBlocks;
  let block = id.x - x * params.inBlocks;
  let row = id.y / params.stride;
  let column = x / params.stride;
  var gradient = vec4f(0.0);
  if (row * params.stride == id.y && column * params.stride == x) {
    let pixel = (id.z * params.outHeight + row) * params.outWidth + column;
    let base = pixel * params.outBlocks;
    let channel = 4u * block;
    gradient = vec4f(
      channelGradient(base, channel),
      channelGradient(base, channel + 1u),
      channelGradient(base, channel + 2u),
      channelGradient(base, channel + 3u),
    );
  }
  let index = (id.z * params.height + id.y) * params.width * params.inBlocks + id.x;
  if (params.accumulate == 1u) {
    gradient += vec4f(dx[index]);
  }
  dx[index] = Value4(gradient);
}
