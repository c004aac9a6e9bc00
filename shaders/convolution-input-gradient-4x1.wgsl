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
// dispatch  a thread makes four consecutive pixels of a class, one input block:
//           x = inBlocks, y = ceil(pixels of class 0 / 4), z = stride * stride

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

fn store(place: vec3u, block: u32, sum: vec4f) {
  let pixel = (place.x * params.inHeight + place.y) * params.inWidth + place.z;
  let at = pixel * params.inBlocks + block;
  add(at, sum);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let stride = params.stride;
  let corner = vec2u(id.z / stride, id.z % stride);
  let reach = vec2u(params.inHeight, params.inWidth) + stride - 1u;
  let size = (max(reach, corner) - corner) / stride;
  let pixels = params.batch * size.x * size.y;
  let block = id.x;
  let first = id.y * 4u;
  if (first >= pixels || block >= params.inBlocks) {
    return;
  }
  let last = pixels - 1u;
  let place0 = placeOf(first, corner, size);
  let place1 = placeOf(min(first + 1u, last), corner, size);
  let place2 = placeOf(min(first + 2u, last), corner, size);
  let place3 = placeOf(min(first + 3u, last), corner, size);
  let step = params.outBlocks;

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  let firstTap = (corner + params.padding) % stride;
  for (var ky = firstTap.x; ky < params.kernel; ky += stride) {
    for (var kx = firstTap.y; kx < params.kernel; kx += stride) {
      let tap = vec2u(ky, kx);
      let address0 = addressOf(place0, tap);
      let address1 = addressOf(place1, tap);
      let address2 = addressOf(place2, tap);
      let address3 = addressOf(place3, tap);
      let start0 = u32(max(address0, 0));
      let start1 = u32(max(address1, 0));
      let start2 = u32(max(address2, 0));
      let start3 = u32(max(address3, 0));
      var w = ((ky * params.kernel + kx) * params.inBlocks + block) * 4u * step;
      for (var o = 0u; o < params.outBlocks; o += 1u) {
        let dy0 = select(vec4f(0.0), dy[start0 + o], address0 >= 0);
        let dy1 = select(vec4f(0.0), dy[start1 + o], address1 >= 0);
        let dy2 = select(vec4f(0.0), dy[start2 + o], address2 >= 0);
        let dy3 = select(vec4f(0.0), dy[start3 + o], address3 >= 0);
        // Four input channels of four output channels each, and the other way about.
        let w0 = weight[w];
        let w1 = weight[w + step];
        let w2 = weight[w + step * 2u];
        let w3 = weight[w + step * 3u];
        let t0 = vec4f(w0.x, w1.x, w2.x, w3.x);
        let t1 = vec4f(w0.y, w1.y, w2.y, w3.y);
        let t2 = vec4f(w0.z, w1.z, w2.z, w3.z);
        let t3 = vec4f(w0.w, w1.w, w2.w, w3.w);
        sum0 += dy0.x * t0 + dy0.y * t1 + dy0.z * t2 + dy0.w * t3;
        sum1 += dy1.x * t0 + dy1.y * t1 + dy1.z * t2 + dy1.w * t3;
        sum2 += dy2.x * t0 + dy2.y * t1 + dy2.z * t2 + dy2.w * t3;
        sum3 += dy3.x * t0 + dy3.y * t1 + dy3.z * t2 + dy3.w * t3;
        w += 1u;
      }
    }
  }

  store(place0, block, sum0);
  if (first + 1u <= last) {
    store(place1, block, sum1);
  }
  if (first + 2u <= last) {
    store(place2, block, sum2);
  }
  if (first + 3u <= last) {
    store(place3, block, sum3);
  }
}
