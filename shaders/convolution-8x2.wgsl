// y[n, oy, ox, o] = sum over ky, kx, i of
//   x[n, oy * stride + ky - padding, ox * stride + kx - padding, i] * weight[ky, kx, i, o]
//
// x         [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// y         [batch][outHeight][outWidth][outBlocks] Value4 over output channels
// dispatch  a thread makes eight consecutive pixels of two output blocks:
//           x = ceil(outBlocks / 2), y = ceil(pixels / 8); pixels = batch * outHeight * outWidth
//
// Exception, nested loop: the three are the one loop over what an output sums, taps and channels,
//   whose lengths only the shapes know. Guards count little beside the innermost body, which makes
//   64 products of vectors.

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
  let block = id.x * 2u;
  let first = id.y * 8u;
  if (first >= params.pixels || block >= params.outBlocks) {
    return;
  }
  let last = params.pixels - 1u;
  // Pixels behind the last are made like any other, from whatever is read, and not stored.
  let pixel0 = pixelAt(first);
  let pixel1 = pixelAfter(pixel0);
  let pixel2 = pixelAfter(pixel1);
  let pixel3 = pixelAfter(pixel2);
  let pixel4 = pixelAfter(pixel3);
  let pixel5 = pixelAfter(pixel4);
  let pixel6 = pixelAfter(pixel5);
  let pixel7 = pixelAfter(pixel6);
  let window0 = windowOf(pixel0);
  let window1 = windowOf(pixel1);
  let window2 = windowOf(pixel2);
  let window3 = windowOf(pixel3);
  let window4 = windowOf(pixel4);
  let window5 = windowOf(pixel5);
  let window6 = windowOf(pixel6);
  let window7 = windowOf(pixel7);
  let step = params.outBlocks;
  // Behind the last block there is none: the thread makes that one twice and stores it once.
  let second = min(block + 1u, params.outBlocks - 1u) - block;

  var a0 = vec4f(0.0);
  var b0 = vec4f(0.0);
  var a1 = vec4f(0.0);
  var b1 = vec4f(0.0);
  var a2 = vec4f(0.0);
  var b2 = vec4f(0.0);
  var a3 = vec4f(0.0);
  var b3 = vec4f(0.0);
  var a4 = vec4f(0.0);
  var b4 = vec4f(0.0);
  var a5 = vec4f(0.0);
  var b5 = vec4f(0.0);
  var a6 = vec4f(0.0);
  var b6 = vec4f(0.0);
  var a7 = vec4f(0.0);
  var b7 = vec4f(0.0);
  var w = block;
  for (var ky = 0u; ky < params.kernel; ky += 1u) {
    for (var kx = 0u; kx < params.kernel; kx += 1u) {
      let tap = vec2u(ky, kx);
      let offset = (ky * params.inWidth + kx) * params.inBlocks;
      let inside0 = isInside(window0, tap);
      let inside1 = isInside(window1, tap);
      let inside2 = isInside(window2, tap);
      let inside3 = isInside(window3, tap);
      let inside4 = isInside(window4, tap);
      let inside5 = isInside(window5, tap);
      let inside6 = isInside(window6, tap);
      let inside7 = isInside(window7, tap);
      let start0 = window0.x + offset;
      let start1 = window1.x + offset;
      let start2 = window2.x + offset;
      let start3 = window3.x + offset;
      let start4 = window4.x + offset;
      let start5 = window5.x + offset;
      let start6 = window6.x + offset;
      let start7 = window7.x + offset;
      for (var i = 0u; i < params.inBlocks; i += 1u) {
        let x0 = select(vec4f(0.0), vec4f(x[start0 + i]), inside0);
        let x1 = select(vec4f(0.0), vec4f(x[start1 + i]), inside1);
        let x2 = select(vec4f(0.0), vec4f(x[start2 + i]), inside2);
        let x3 = select(vec4f(0.0), vec4f(x[start3 + i]), inside3);
        let x4 = select(vec4f(0.0), vec4f(x[start4 + i]), inside4);
        let x5 = select(vec4f(0.0), vec4f(x[start5 + i]), inside5);
        let x6 = select(vec4f(0.0), vec4f(x[start6 + i]), inside6);
        let x7 = select(vec4f(0.0), vec4f(x[start7 + i]), inside7);
        let u0 = weight[w];
        let u1 = weight[w + step];
        let u2 = weight[w + step * 2u];
        let u3 = weight[w + step * 3u];
        a0 += x0.x * u0 + x0.y * u1 + x0.z * u2 + x0.w * u3;
        a1 += x1.x * u0 + x1.y * u1 + x1.z * u2 + x1.w * u3;
        a2 += x2.x * u0 + x2.y * u1 + x2.z * u2 + x2.w * u3;
        a3 += x3.x * u0 + x3.y * u1 + x3.z * u2 + x3.w * u3;
        a4 += x4.x * u0 + x4.y * u1 + x4.z * u2 + x4.w * u3;
        a5 += x5.x * u0 + x5.y * u1 + x5.z * u2 + x5.w * u3;
        a6 += x6.x * u0 + x6.y * u1 + x6.z * u2 + x6.w * u3;
        a7 += x7.x * u0 + x7.y * u1 + x7.z * u2 + x7.w * u3;
        let v = w + second;
        let v0 = weight[v];
        let v1 = weight[v + step];
        let v2 = weight[v + step * 2u];
        let v3 = weight[v + step * 3u];
        b0 += x0.x * v0 + x0.y * v1 + x0.z * v2 + x0.w * v3;
        b1 += x1.x * v0 + x1.y * v1 + x1.z * v2 + x1.w * v3;
        b2 += x2.x * v0 + x2.y * v1 + x2.z * v2 + x2.w * v3;
        b3 += x3.x * v0 + x3.y * v1 + x3.z * v2 + x3.w * v3;
        b4 += x4.x * v0 + x4.y * v1 + x4.z * v2 + x4.w * v3;
        b5 += x5.x * v0 + x5.y * v1 + x5.z * v2 + x5.w * v3;
        b6 += x6.x * v0 + x6.y * v1 + x6.z * v2 + x6.w * v3;
        b7 += x7.x * v0 + x7.y * v1 + x7.z * v2 + x7.w * v3;
        w += step * 4u;
      }
    }
  }

  let out = first * step + block;
  store(out, a0, second, b0);
  if (first + 1u <= last) {
    store(out + step, a1, second, b1);
  }
  if (first + 2u <= last) {
    store(out + step * 2u, a2, second, b2);
  }
  if (first + 3u <= last) {
    store(out + step * 3u, a3, second, b3);
  }
  if (first + 4u <= last) {
    store(out + step * 4u, a4, second, b4);
  }
  if (first + 5u <= last) {
    store(out + step * 5u, a5, second, b5);
  }
  if (first + 6u <= last) {
    store(out + step * 6u, a6, second, b6);
  }
  if (first + 7u <= last) {
    store(out + step * 7u, a7, second, b7);
  }
}

fn store(at: u32, a: vec4f, second: u32, b: vec4f) {
  y[at] = Value4(a);
  if (second == 1u) {
    y[at + 1u] = Value4(b);
  }
}
