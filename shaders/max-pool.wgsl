// Max pool: the largest value of each window, and which tap of the window it was
//
// Pixels in the padding don't count. Of equal values the first in row-major order is taken, as in
// PyTorch, which alone gets the gradient.
//
// x         [batch][height][width][blocks] Value4
// y         [batch][outHeight][outWidth][blocks] Value4
// taps      [batch][outHeight][outWidth][blocks] u32: ky * kernel + kx, a byte a lane
// dispatch  one thread a vec4f of y: (outWidth * blocks, outHeight, batch)
//
// Exception, nested loop: rows and columns of a window, nine pixels in a ResNet, once in a network.
//   It waits for memory, not for the guards.

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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read_write> y: array<Value4>;
@group(0) @binding(3) var<storage, read_write> taps: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.outWidth * params.blocks) {
    return;
  }
  let column = id.x / params.blocks;
  let block = id.x - column * params.blocks;
  // The window begins at (top - padding, left - padding).
  let top = id.y * params.stride;
  let left = column * params.stride;
  let firstY = max(params.padding, top) - top;
  let firstX = max(params.padding, left) - left;
  let endY = min(params.kernel, params.height + params.padding - top);
  let endX = min(params.kernel, params.width + params.padding - left);

  let plane = id.z * params.height;
  let firstRow = (plane + top + firstY - params.padding) * params.width;
  var best = vec4f(x[(firstRow + left + firstX - params.padding) * params.blocks + block]);
  var tap = vec4u(firstY * params.kernel + firstX);
  for (var ky = firstY; ky < endY; ky++) {
    let row = (plane + top + ky - params.padding) * params.width;
    for (var kx = firstX; kx < endX; kx++) {
      let value = vec4f(x[(row + left + kx - params.padding) * params.blocks + block]);
      tap = select(tap, vec4u(ky * params.kernel + kx), value > best);
      best = max(best, value);
    }
  }
  let index = (id.z * params.outHeight + id.y) * params.outWidth * params.blocks + id.x;
  y[index] = Value4(best);
  taps[index] = tap.x | (tap.y << 8u) | (tap.z << 16u) | (tap.w << 24u);
}
