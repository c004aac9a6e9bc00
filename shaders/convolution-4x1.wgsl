// y[n, oy, ox, o] = sum over ky, kx, i of
//   x[n, oy * stride + ky - padding, ox * stride + kx - padding, i] * weight[ky, kx, i, o]
//
// x         [batch][inHeight][inWidth][inBlocks] vec4f over input channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// y         [batch][outHeight][outWidth][outBlocks] vec4f over output channels
// dispatch  a thread makes four consecutive pixels of one output block:
//           x = outBlocks, y = ceil(pixels / 4); pixels = batch * outHeight * outWidth

struct Params {
  pixels: u32,
  inHeight: u32,
  inWidth: u32,
  inBlocks: u32,
  outHeight: u32,
  outWidth: u32,
  outBlocks: u32,
  kernel: u32,
  stride: u32,
  padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

// The window of an output pixel: its picture's first row in x, and its upper left corner.
fn windowOf(pixel: u32) -> vec3i {
  let row = pixel / params.outWidth;
  let n = row / params.outHeight;
  let corner = vec2u(row - n * params.outHeight, pixel - row * params.outWidth) * params.stride;
  return vec3i(vec3u(n * params.inHeight, corner)) - vec3i(0, vec2i(i32(params.padding)));
}

// Where x holds a tap of a window; -1 in the padding.
fn addressOf(window: vec3i, tap: vec2i) -> i32 {
  let at = window.yz + tap;
  let size = vec2i(vec2u(params.inHeight, params.inWidth));
  let inside = all(at >= vec2i(0)) && all(at < size);
  return select(-1, ((window.x + at.x) * size.y + at.y) * i32(params.inBlocks), inside);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let block = id.x;
  let first = id.y * 4u;
  if (first >= params.pixels || block >= params.outBlocks) {
    return;
  }
  let last = params.pixels - 1u;
  let window0 = windowOf(first);
  let window1 = windowOf(min(first + 1u, last));
  let window2 = windowOf(min(first + 2u, last));
  let window3 = windowOf(min(first + 3u, last));
  let step = params.outBlocks;

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  var w = block;
  for (var ky = 0u; ky < params.kernel; ky += 1u) {
    for (var kx = 0u; kx < params.kernel; kx += 1u) {
      let tap = vec2i(vec2u(ky, kx));
      let address0 = addressOf(window0, tap);
      let address1 = addressOf(window1, tap);
      let address2 = addressOf(window2, tap);
      let address3 = addressOf(window3, tap);
      let start0 = u32(max(address0, 0));
      let start1 = u32(max(address1, 0));
      let start2 = u32(max(address2, 0));
      let start3 = u32(max(address3, 0));
      for (var i = 0u; i < params.inBlocks; i += 1u) {
        let x0 = select(vec4f(0.0), x[start0 + i], address0 >= 0);
        let x1 = select(vec4f(0.0), x[start1 + i], address1 >= 0);
        let x2 = select(vec4f(0.0), x[start2 + i], address2 >= 0);
        let x3 = select(vec4f(0.0), x[start3 + i], address3 >= 0);
        let w0 = weight[w];
        let w1 = weight[w + step];
        let w2 = weight[w + step * 2u];
        let w3 = weight[w + step * 3u];
        w += step * 4u;
        sum0 += x0.x * w0 + x0.y * w1 + x0.z * w2 + x0.w * w3;
        sum1 += x1.x * w0 + x1.y * w1 + x1.z * w2 + x1.w * w3;
        sum2 += x2.x * w0 + x2.y * w1 + x2.z * w2 + x2.w * w3;
        sum3 += x3.x * w0 + x3.y * w1 + x3.z * w2 + x3.w * w3;
      }
    }
  }

  let out = first * step + block;
  y[out] = sum0;
  if (first + 1u <= last) {
    y[out + step] = sum1;
  }
  if (first + 2u <= last) {
    y[out + step * 2u] = sum2;
  }
  if (first + 3u <= last) {
    y[out + step * 3u] = sum3;
  }
}
