// Input gradient of max pool; added to dx when `accumulate` is 1
//
// Each input pixel looks at the windows that contain it and takes the gradient of those whose
// largest value it was: a sum in fixed order, where a scatter would need atomics.
//
// dy        [batch][outHeight][outWidth][blocks] Value4
// taps      [batch][outHeight][outWidth][blocks] u32: ky * kernel + kx, a byte a lane
// dx        [batch][height][width][blocks] Value4
// dispatch  one thread a vec4f of dx: (width * blocks, height, batch)
//
// Exception, nested loop: the rows and columns of windows around a pixel, at most two each,
//   in a ResNet, once in a network. It waits for memory, not for the guards.

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  blocks: u32,
  kernel: u32,
  stride: u32,
  padding: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<Value4>;
@group(0) @binding(2) var<storage, read> taps: array<u32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Value4>;

// The first window along an axis that reaches a pixel, `place` = pixel + padding.
fn firstWindow(place: u32) -> u32 {
  return (max(place + 1u, params.kernel) - params.kernel + params.stride - 1u) / params.stride;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.width * params.blocks) {
    return;
  }
  let column = id.x / params.blocks;
  let block = id.x - column * params.blocks;
  let placeY = id.y + params.padding;
  let placeX = column + params.padding;
  let firstX = firstWindow(placeX);
  let endY = min(placeY / params.stride + 1u, params.outHeight);
  let endX = min(placeX / params.stride + 1u, params.outWidth);
  var gradient = vec4f(0.0);
  for (var row = firstWindow(placeY); row < endY; row++) {
    let ky = placeY - row * params.stride;
    let line = (id.z * params.outHeight + row) * params.outWidth;
    for (var window = firstX; window < endX; window++) {
      let kx = placeX - window * params.stride;
      let index = (line + window) * params.blocks + block;
      let tap = (vec4u(taps[index]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
      gradient += select(vec4f(0.0), vec4f(dy[index]), tap == vec4u(ky * params.kernel + kx));
    }
  }
  let index = (id.z * params.height + id.y) * params.width * params.blocks + id.x;
  if (params.accumulate == 1u) {
    gradient += vec4f(dx[index]);
  }
  dx[index] = Value4(gradient);
}
