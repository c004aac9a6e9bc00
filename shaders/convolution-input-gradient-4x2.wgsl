// dx[n, iy, ix, i] = sum over ky, kx, o of dy[n, oy, ox, o] * weight[ky, kx, i, o],
//   oy = (iy + padding - ky) / stride and ox alike, where these are whole and inside;
//   added to dx when `accumulate` is 1
//
// Pixels with equal (iy % stride, ix % stride) make a class: the same taps reach all of them, and
// no tap in between is ever looked at.
//
// dy        [batch][outHeight][outWidth][outBlocks] Value4 over output channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// dx        [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// dispatch  a thread makes four consecutive pixels of a class, two input blocks:
//           x = ceil(inBlocks / 2), y = ceil(pixels of class 0 / 4), z = stride * stride
//
// Exception, nested loop: the three are the one loop over what an element of dx sums, taps and
//   channels, whose lengths only the shapes know. Guards count little beside the innermost body,
//   which makes 32 products of vectors.

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  batch: u32,
  inHeight: u32,
  inWidth: u32,
  inBlocks: u32,
  outHeight: u32,
  outWidth: u32,
  outBlocks: u32,
  kernel: u32,
  stride: u32,
  padding: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<Value4>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Value4>;

// A pixel of a class with `size` pixels a picture, as (n, row, column) among them; division is
// slow, so that only a thread's first is looked up.
fn pixelAt(index: u32, size: vec2u) -> vec3u {
  let row = index / size.y;
  let n = row / size.x;
  return vec3u(n, row - n * size.x, index - row * size.y);
}

fn pixelAfter(pixel: vec3u, size: vec2u) -> vec3u {
  let next = pixel + vec3u(0u, 0u, 1u);
  let nextRow = vec3u(pixel.x, pixel.y + 1u, 0u);
  let nextPicture = vec3u(pixel.x + 1u, 0u, 0u);
  let inPicture = select(nextPicture, nextRow, nextRow.y < size.x);
  return select(inPicture, next, next.z < size.y);
}

// Where dy holds the output pixel that the class's first tap leads to, and its row and column.
fn sourceOf(pixel: vec3u, shift: vec2u) -> vec3u {
  let at = pixel.yz + shift;
  let place = (pixel.x * params.outHeight + at.x) * params.outWidth + at.y;
  return vec3u(place * params.outBlocks, at);
}

// Whether there is an output pixel so much above and to the left of a source; what lies below zero
// u32 has as very large.
fn isInside(source: vec3u, back: vec2u) -> bool {
  return all(source.yz - back < vec2u(params.outHeight, params.outWidth));
}

fn add(at: u32, sum: vec4f) {
  if (params.accumulate == 1u) {
    dx[at] = Value4(vec4f(dx[at]) + sum);
  } else {
    dx[at] = Value4(sum);
  }
}

fn store(pixel: vec3u, corner: vec2u, block: u32, a: vec4f, second: u32, b: vec4f) {
  let place = pixel.yz * params.stride + corner;
  let row = pixel.x * params.inHeight + place.x;
  let at = (row * params.inWidth + place.y) * params.inBlocks + block;
  add(at, a);
  if (second == 1u) {
    add(at + 1u, b);
  }
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let stride = params.stride;
  let corner = vec2u(id.z / stride, id.z % stride);
  let reach = vec2u(params.inHeight, params.inWidth) + stride - 1u;
  let size = (max(reach, corner) - corner) / stride;
  let pixels = params.batch * size.x * size.y;
  let block = id.x * 2u;
  let first = id.y * 4u;
  if (first >= pixels || block >= params.inBlocks) {
    return;
  }
  let last = pixels - 1u;
  // Of the class's taps: the first one, and the output pixels between it and a pixel's own place.
  let shift = (corner + params.padding) / stride;
  let firstTap = corner + params.padding - shift * stride;
  // Pixels behind the last are made like any other, from whatever is read, and not stored.
  let pixel0 = pixelAt(first, size);
  let pixel1 = pixelAfter(pixel0, size);
  let pixel2 = pixelAfter(pixel1, size);
  let pixel3 = pixelAfter(pixel2, size);
  let source0 = sourceOf(pixel0, shift);
  let source1 = sourceOf(pixel1, shift);
  let source2 = sourceOf(pixel2, shift);
  let source3 = sourceOf(pixel3, shift);
  let step = params.outBlocks;
  // Behind the last block there is none: the thread makes that one twice and stores it once.
  let second = min(block + 1u, params.inBlocks - 1u) - block;

  var a0 = vec4f(0.0);
  var b0 = vec4f(0.0);
  var a1 = vec4f(0.0);
  var b1 = vec4f(0.0);
  var a2 = vec4f(0.0);
  var b2 = vec4f(0.0);
  var a3 = vec4f(0.0);
  var b3 = vec4f(0.0);
  var back = vec2u(0u);
  for (var ky = firstTap.x; ky < params.kernel; ky += stride) {
    for (var kx = firstTap.y; kx < params.kernel; kx += stride) {
      let offset = (back.x * params.outWidth + back.y) * params.outBlocks;
      let inside0 = isInside(source0, back);
      let inside1 = isInside(source1, back);
      let inside2 = isInside(source2, back);
      let inside3 = isInside(source3, back);
      let start0 = source0.x - offset;
      let start1 = source1.x - offset;
      let start2 = source2.x - offset;
      let start3 = source3.x - offset;
      var w = ((ky * params.kernel + kx) * params.inBlocks + block) * 4u * step;
      for (var o = 0u; o < params.outBlocks; o += 1u) {
        let dy0 = select(vec4f(0.0), vec4f(dy[start0 + o]), inside0);
        let dy1 = select(vec4f(0.0), vec4f(dy[start1 + o]), inside1);
        let dy2 = select(vec4f(0.0), vec4f(dy[start2 + o]), inside2);
        let dy3 = select(vec4f(0.0), vec4f(dy[start3 + o]), inside3);
        // Four input channels of four output channels each, and the other way about.
        let u0 = weight[w];
        let u1 = weight[w + step];
        let u2 = weight[w + step * 2u];
        let u3 = weight[w + step * 3u];
        let s0 = vec4f(u0.x, u1.x, u2.x, u3.x);
        let s1 = vec4f(u0.y, u1.y, u2.y, u3.y);
        let s2 = vec4f(u0.z, u1.z, u2.z, u3.z);
        let s3 = vec4f(u0.w, u1.w, u2.w, u3.w);
        a0 += dy0.x * s0 + dy0.y * s1 + dy0.z * s2 + dy0.w * s3;
        a1 += dy1.x * s0 + dy1.y * s1 + dy1.z * s2 + dy1.w * s3;
        a2 += dy2.x * s0 + dy2.y * s1 + dy2.z * s2 + dy2.w * s3;
        a3 += dy3.x * s0 + dy3.y * s1 + dy3.z * s2 + dy3.w * s3;
        let v = w + second * 4u * step;
        let v0 = weight[v];
        let v1 = weight[v + step];
        let v2 = weight[v + step * 2u];
        let v3 = weight[v + step * 3u];
        let t0 = vec4f(v0.x, v1.x, v2.x, v3.x);
        let t1 = vec4f(v0.y, v1.y, v2.y, v3.y);
        let t2 = vec4f(v0.z, v1.z, v2.z, v3.z);
        let t3 = vec4f(v0.w, v1.w, v2.w, v3.w);
        b0 += dy0.x * t0 + dy0.y * t1 + dy0.z * t2 + dy0.w * t3;
        b1 += dy1.x * t0 + dy1.y * t1 + dy1.z * t2 + dy1.w * t3;
        b2 += dy2.x * t0 + dy2.y * t1 + dy2.z * t2 + dy2.w * t3;
        b3 += dy3.x * t0 + dy3.y * t1 + dy3.z * t2 + dy3.w * t3;
        w += 1u;
      }
      back.y += 1u;
    }
    back = vec2u(back.x + 1u, 0u);
  }

  store(pixel0, corner, block, a0, second, b0);
  if (first + 1u <= last) {
    store(pixel1, corner, block, a1, second, b1);
  }
  if (first + 2u <= last) {
    store(pixel2, corner, block, a2, second, b2);
  }
  if (first + 3u <= last) {
    store(pixel3, corner, block, a3, second, b3);
  }
}
