// dx[n, iy, ix, i] = sum over ky, kx, o of dy[n, oy, ox, o] * weight[ky, kx, i, o],
//   oy = (iy + padding - ky) / stride and ox alike, where these are whole and inside;
//   added to dx when `accumulate` is 1
//
// Pixels with equal (iy % stride, ix % stride) make a class: the same taps reach all of them, and
// no tap in between is ever looked at.
//
// dy        [batch][outHeight][outWidth][outBlocks] vec4f over output channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// dx        [batch][inHeight][inWidth][inBlocks] vec4f over input channels
// dispatch  a thread makes eight consecutive pixels of a class, two input blocks:
//           x = ceil(inBlocks / 2), y = ceil(pixels of class 0 / 8), z = stride * stride

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
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

// The place (n, iy, ix) of a pixel of a class with `size` pixels a picture.
fn placeOf(pixel: u32, corner: vec2u, size: vec2u) -> vec3u {
  let row = pixel / size.y;
  let n = row / size.x;
  return vec3u(n, vec2u(row - n * size.x, pixel - row * size.y) * params.stride + corner);
}

// Where dy holds the output pixel that a tap leads to; -1 outside.
fn addressOf(place: vec3u, tap: vec2u) -> i32 {
  let size = vec2i(vec2u(params.outHeight, params.outWidth));
  // A multiple of the stride; a negative one stays negative.
  let at = (vec2i(place.yz + params.padding) - vec2i(tap)) / i32(params.stride);
  let inside = all(at >= vec2i(0)) && all(at < size) && all(place.yz + params.padding >= tap);
  let pixel = (i32(place.x) * size.x + at.x) * size.y + at.y;
  return select(-1, pixel * i32(params.outBlocks), inside);
}

fn add(at: u32, sum: vec4f) {
  if (params.accumulate == 1u) {
    dx[at] += sum;
  } else {
    dx[at] = sum;
  }
}

fn store(place: vec3u, block: u32, a: vec4f, second: u32, b: vec4f) {
  let pixel = (place.x * params.inHeight + place.y) * params.inWidth + place.z;
  let at = pixel * params.inBlocks + block;
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
  let first = id.y * 8u;
  if (first >= pixels || block >= params.inBlocks) {
    return;
  }
  let last = pixels - 1u;
  let place0 = placeOf(first, corner, size);
  let place1 = placeOf(min(first + 1u, last), corner, size);
  let place2 = placeOf(min(first + 2u, last), corner, size);
  let place3 = placeOf(min(first + 3u, last), corner, size);
  let place4 = placeOf(min(first + 4u, last), corner, size);
  let place5 = placeOf(min(first + 5u, last), corner, size);
  let place6 = placeOf(min(first + 6u, last), corner, size);
  let place7 = placeOf(min(first + 7u, last), corner, size);
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
  var a4 = vec4f(0.0);
  var b4 = vec4f(0.0);
  var a5 = vec4f(0.0);
  var b5 = vec4f(0.0);
  var a6 = vec4f(0.0);
  var b6 = vec4f(0.0);
  var a7 = vec4f(0.0);
  var b7 = vec4f(0.0);
  let firstTap = (corner + params.padding) % stride;
  for (var ky = firstTap.x; ky < params.kernel; ky += stride) {
    for (var kx = firstTap.y; kx < params.kernel; kx += stride) {
      let tap = vec2u(ky, kx);
      let address0 = addressOf(place0, tap);
      let address1 = addressOf(place1, tap);
      let address2 = addressOf(place2, tap);
      let address3 = addressOf(place3, tap);
      let address4 = addressOf(place4, tap);
      let address5 = addressOf(place5, tap);
      let address6 = addressOf(place6, tap);
      let address7 = addressOf(place7, tap);
      let start0 = u32(max(address0, 0));
      let start1 = u32(max(address1, 0));
      let start2 = u32(max(address2, 0));
      let start3 = u32(max(address3, 0));
      let start4 = u32(max(address4, 0));
      let start5 = u32(max(address5, 0));
      let start6 = u32(max(address6, 0));
      let start7 = u32(max(address7, 0));
      var w = ((ky * params.kernel + kx) * params.inBlocks + block) * 4u * step;
      for (var o = 0u; o < params.outBlocks; o += 1u) {
        let dy0 = select(vec4f(0.0), dy[start0 + o], address0 >= 0);
        let dy1 = select(vec4f(0.0), dy[start1 + o], address1 >= 0);
        let dy2 = select(vec4f(0.0), dy[start2 + o], address2 >= 0);
        let dy3 = select(vec4f(0.0), dy[start3 + o], address3 >= 0);
        let dy4 = select(vec4f(0.0), dy[start4 + o], address4 >= 0);
        let dy5 = select(vec4f(0.0), dy[start5 + o], address5 >= 0);
        let dy6 = select(vec4f(0.0), dy[start6 + o], address6 >= 0);
        let dy7 = select(vec4f(0.0), dy[start7 + o], address7 >= 0);
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
        a4 += dy4.x * s0 + dy4.y * s1 + dy4.z * s2 + dy4.w * s3;
        a5 += dy5.x * s0 + dy5.y * s1 + dy5.z * s2 + dy5.w * s3;
        a6 += dy6.x * s0 + dy6.y * s1 + dy6.z * s2 + dy6.w * s3;
        a7 += dy7.x * s0 + dy7.y * s1 + dy7.z * s2 + dy7.w * s3;
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
        b4 += dy4.x * t0 + dy4.y * t1 + dy4.z * t2 + dy4.w * t3;
        b5 += dy5.x * t0 + dy5.y * t1 + dy5.z * t2 + dy5.w * t3;
        b6 += dy6.x * t0 + dy6.y * t1 + dy6.z * t2 + dy6.w * t3;
        b7 += dy7.x * t0 + dy7.y * t1 + dy7.z * t2 + dy7.w * t3;
        w += 1u;
      }
    }
  }

  store(place0, block, a0, second, b0);
  if (first + 1u <= last) {
    store(place1, block, a1, second, b1);
  }
  if (first + 2u <= last) {
    store(place2, block, a2, second, b2);
  }
  if (first + 3u <= last) {
    store(place3, block, a3, second, b3);
  }
  if (first + 4u <= last) {
    store(place4, block, a4, second, b4);
  }
  if (first + 5u <= last) {
    store(place5, block, a5, second, b5);
  }
  if (first + 6u <= last) {
    store(place6, block, a6, second, b6);
  }
  if (first + 7u <= last) {
    store(place7, block, a7, second, b7);
  }
}
