// y[n, oy, ox, o] = sum over ky, kx, i of
//   x[n, oy * stride + ky - padding, ox * stride + kx - padding, i] * weight[ky, kx, i, o]
//
// x         [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// y         [batch][outHeight][outWidth][outBlocks] Value4 over output channels
// dispatch  a thread makes four consecutive pixels of one output block:
//           x = outBlocks, y = ceil(pixels / 4); pixels = batch * outHeight * outWidth
//
// Exception, nested loop: the three are the one loop over what an output sums, taps and channels,
//   whose lengths only the shapes know. Guards count little beside the innermost body, which makes
//   16 products of vectors.

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

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
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Value4>;

// An output pixel as (n, oy, ox); division is slow, so that only a thread's first is looked up.
fn pixelAt(index: u32) -> vec3u {
  let row = index / params.outWidth;
  let n = row / params.outHeight;
  return vec3u(n, row - n * params.outHeight, index - row * params.outWidth);
}

fn pixelAfter(pixel: vec3u) -> vec3u {
  let next = pixel + vec3u(0u, 0u, 1u);
  let nextRow = vec3u(pixel.x, pixel.y + 1u, 0u);
  let nextPicture = vec3u(pixel.x + 1u, 0u, 0u);
  let inPicture = select(nextPicture, nextRow, nextRow.y < params.outHeight);
  return select(inPicture, next, next.z < params.outWidth);
}

// Where x holds the upper left corner of a pixel's window, and the corner's row and column: in the
// padding these are below zero, which u32 has as very large.
fn windowOf(pixel: vec3u) -> vec3u {
  let corner = pixel.yz * params.stride - params.padding;
  let place = (pixel.x * params.inHeight + corner.x) * params.inWidth + corner.y;
  return vec3u(place * params.inBlocks, corner);
}

fn isInside(window: vec3u, tap: vec2u) -> bool {
  return all(window.yz + tap < vec2u(params.inHeight, params.inWidth));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let block = id.x;
  let first = id.y * 4u;
  if (first >= params.pixels || block >= params.outBlocks) {
    return;
  }
  let last = params.pixels - 1u;
  // Pixels behind the last are made like any other, from whatever is read, and not stored.
  let pixel0 = pixelAt(first);
  let pixel1 = pixelAfter(pixel0);
  let pixel2 = pixelAfter(pixel1);
  let pixel3 = pixelAfter(pixel2);
  let window0 = windowOf(pixel0);
  let window1 = windowOf(pixel1);
  let window2 = windowOf(pixel2);
  let window3 = windowOf(pixel3);
  let step = params.outBlocks;

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  var w = block;
  for (var ky = 0u; ky < params.kernel; ky += 1u) {
    for (var kx = 0u; kx < params.kernel; kx += 1u) {
      let tap = vec2u(ky, kx);
      let offset = (ky * params.inWidth + kx) * params.inBlocks;
      let inside0 = isInside(window0, tap);
      let inside1 = isInside(window1, tap);
      let inside2 = isInside(window2, tap);
      let inside3 = isInside(window3, tap);
      let start0 = window0.x + offset;
      let start1 = window1.x + offset;
      let start2 = window2.x + offset;
      let start3 = window3.x + offset;
      for (var i = 0u; i < params.inBlocks; i += 1u) {
        let x0 = select(vec4f(0.0), vec4f(x[start0 + i]), inside0);
        let x1 = select(vec4f(0.0), vec4f(x[start1 + i]), inside1);
        let x2 = select(vec4f(0.0), vec4f(x[start2 + i]), inside2);
        let x3 = select(vec4f(0.0), vec4f(x[start3 + i]), inside3);
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
  y[out] = Value4(sum0);
  if (first + 1u <= last) {
    y[out + step] = Value4(sum1);
  }
  if (first + 2u <= last) {
    y[out + step * 2u] = Value4(sum2);
  }
  if (first + 3u <= last) {
    y[out + step * 3u] = Value4(sum3);
  }
}
