// dx[n, iy, ix, i] = sum over ky, kx, o of dy[n, oy, ox, o] * weight[ky, kx, i, o],
//   oy = (iy + padding - ky) / stride and ox alike, where these are whole and inside;
//   added to dx when `accumulate` is 1
//
// dy        [batch][outHeight][outWidth][outBlocks] vec4f over output channels
// weight    [kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// dx        [batch][inHeight][inWidth][inBlocks] vec4f over input channels
// dispatch  a thread makes one input block of four pixels of a row, `stride` apart, so that the
//           same taps reach all four: batch * inHeight * stride * quads * inBlocks threads, blocks
//           fastest, spread over x and y; quads = ceil(ceil(inWidth / stride) / 4)

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
  quads: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

fn store(at: u32, sum: vec4f) {
  if (params.accumulate == 1u) {
    dx[at] += sum;
  } else {
    dx[at] = sum;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let place = index / params.inBlocks;
  let block = index - place * params.inBlocks;
  let run = place / params.quads;
  let row = run / params.stride;
  let n = row / params.inHeight;
  if (n >= params.batch) {
    return;
  }
  let iy = row - n * params.inHeight;
  let ix = (place - run * params.quads) * 4u * params.stride + run - row * params.stride;

  let size = vec2i(vec2u(params.outHeight, params.outWidth));
  let stride = i32(params.stride);
  let shifted = vec2u(iy, ix) + params.padding;
  let firstTap = shifted % params.stride;

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var ky = firstTap.x; ky < params.kernel; ky += params.stride) {
    let oy = (i32(shifted.x) - i32(ky)) / stride;
    if (oy < 0 || oy >= size.x) {
      continue;
    }
    let dyRow = (i32(n) * size.x + oy) * size.y;
    for (var kx = firstTap.y; kx < params.kernel; kx += params.stride) {
      let ox = (i32(shifted.y) - i32(kx)) / stride;
      let column = vec4i(ox) + vec4i(0, 1, 2, 3);
      let inside = (column >= vec4i(0)) & (column < vec4i(size.y));
      if (!any(inside)) {
        continue;
      }
      let clamped = vec4u(clamp(column, vec4i(0), vec4i(size.y - 1)));
      let starts = (vec4u(u32(dyRow)) + clamped) * params.outBlocks;
      var w = ((ky * params.kernel + kx) * params.inBlocks + block) * 4u * params.outBlocks;
      for (var o = 0u; o < params.outBlocks; o += 1u) {
        let w0 = weight[w];
        let w1 = weight[w + params.outBlocks];
        let w2 = weight[w + params.outBlocks * 2u];
        let w3 = weight[w + params.outBlocks * 3u];
        w += 1u;
        let dy0 = select(vec4f(0.0), dy[starts.x + o], inside.x);
        let dy1 = select(vec4f(0.0), dy[starts.y + o], inside.y);
        let dy2 = select(vec4f(0.0), dy[starts.z + o], inside.z);
        let dy3 = select(vec4f(0.0), dy[starts.w + o], inside.w);
        sum0 += vec4f(dot(dy0, w0), dot(dy0, w1), dot(dy0, w2), dot(dy0, w3));
        sum1 += vec4f(dot(dy1, w0), dot(dy1, w1), dot(dy1, w2), dot(dy1, w3));
        sum2 += vec4f(dot(dy2, w0), dot(dy2, w1), dot(dy2, w2), dot(dy2, w3));
        sum3 += vec4f(dot(dy3, w0), dot(dy3, w1), dot(dy3, w2), dot(dy3, w3));
      }
    }
  }

  let out = (row * params.inWidth + ix) * params.inBlocks + block;
  let step = params.stride * params.inBlocks;
  if (ix < params.inWidth) {
    store(out, sum0);
  }
  if (ix + params.stride < params.inWidth) {
    store(out + step, sum1);
  }
  if (ix + params.stride * 2u < params.inWidth) {
    store(out + step * 2u, sum2);
  }
  if (ix + params.stride * 3u < params.inWidth) {
    store(out + step * 3u, sum3);
  }
}
