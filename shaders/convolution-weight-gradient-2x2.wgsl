// chunkSums[chunk][ky, kx, i, o] = sum over the output rows of the chunk, and over ox, of
//   x[n, oy * stride + ky - padding, ox * stride + kx - padding, i] * dy[n, oy, ox, o];
//   with one chunk, `chunkSums` is the gradient itself and is added to (`accumulate` is 1)
//
// x         [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// dy        [rows = batch * outHeight][outWidth][outBlocks] Value4 over output channels
// chunkSums [chunks][kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// dispatch  a thread makes two input blocks of two output blocks of one tap in one chunk:
//           chunks * kernel * kernel * ceil(inBlocks / 2) * ceil(outBlocks / 2) threads, output
//           blocks fastest, spread over x and y
//
// Exception, nested loop: rows and their columns are the one loop over what a weight sums, whose
//   lengths only the shapes know. Four columns at a time in place of one took up to 1.8 times as
//   long in software: rows of seven pixels leave some of the four idle.

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  rows: u32,
  rowsPerChunk: u32,
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
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> dy: array<Value4>;
@group(0) @binding(3) var<storage, read_write> chunkSums: array<vec4f>;

fn add(at: u32, sum: vec4f) {
  if (params.accumulate == 1u) {
    chunkSums[at] += sum;
  } else {
    chunkSums[at] = sum;
  }
}

fn store(at: u32, a: vec4f, second: u32, b: vec4f) {
  add(at, a);
  if (second == 1u) {
    add(at + 1u, b);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let outPairs = (params.outBlocks + 1u) / 2u;
  let inPairs = (params.inBlocks + 1u) / 2u;
  let taps = params.kernel * params.kernel;
  // [chunk][tap][inPair][outPair]
  let inPlace = index / outPairs;
  let tapPlace = inPlace / inPairs;
  let chunk = tapPlace / taps;
  let firstRow = chunk * params.rowsPerChunk;
  if (firstRow >= params.rows) {
    return;
  }
  let i = (inPlace - tapPlace * inPairs) * 2u;
  let o = (index - inPlace * outPairs) * 2u;
  let tap = tapPlace - chunk * taps;
  let ky = tap / params.kernel;
  let kx = tap - ky * params.kernel;
  // Behind the last block there is none: the thread makes that one twice and stores it once.
  let nextIn = min(i + 1u, params.inBlocks - 1u) - i;
  let nextOut = min(o + 1u, params.outBlocks - 1u) - o;

  // The columns ox whose tap lies inside the picture: 0 <= ox * stride + kx - padding < inWidth.
  let stride = params.stride;
  let firstColumn = (max(params.padding, kx) - kx + stride - 1u) / stride;
  let reach = params.inWidth + params.padding;
  let endColumn = min(params.outWidth, (max(reach, kx) - kx + stride - 1u) / stride);
  let step = stride * params.inBlocks;

  var a0 = vec4f(0.0);
  var a1 = vec4f(0.0);
  var a2 = vec4f(0.0);
  var a3 = vec4f(0.0);
  var b0 = vec4f(0.0);
  var b1 = vec4f(0.0);
  var b2 = vec4f(0.0);
  var b3 = vec4f(0.0);
  var c0 = vec4f(0.0);
  var c1 = vec4f(0.0);
  var c2 = vec4f(0.0);
  var c3 = vec4f(0.0);
  var d0 = vec4f(0.0);
  var d1 = vec4f(0.0);
  var d2 = vec4f(0.0);
  var d3 = vec4f(0.0);
  let endRow = min(firstRow + params.rowsPerChunk, params.rows);
  var n = firstRow / params.outHeight;
  var oy = firstRow - n * params.outHeight;
  for (var row = firstRow; row < endRow; row += 1u) {
    let iy = oy * stride + ky - params.padding;
    let sourceRow = n * params.inHeight + iy;
    let isLast = oy + 1u == params.outHeight;
    oy = select(oy + 1u, 0u, isLast);
    n = select(n, n + 1u, isLast);
    // Above the picture, iy is below zero, which u32 has as very large.
    if (iy >= params.inHeight) {
      continue;
    }
    let ix = firstColumn * stride + kx - params.padding;
    var source = (sourceRow * params.inWidth + ix) * params.inBlocks + i;
    var place = (row * params.outWidth + firstColumn) * params.outBlocks + o;
    for (var ox = firstColumn; ox < endColumn; ox += 1u) {
      let x0 = vec4f(x[source]);
      let x1 = vec4f(x[source + nextIn]);
      let dy0 = vec4f(dy[place]);
      let dy1 = vec4f(dy[place + nextOut]);
      a0 += x0.x * dy0;
      a1 += x0.y * dy0;
      a2 += x0.z * dy0;
      a3 += x0.w * dy0;
      b0 += x0.x * dy1;
      b1 += x0.y * dy1;
      b2 += x0.z * dy1;
      b3 += x0.w * dy1;
      c0 += x1.x * dy0;
      c1 += x1.y * dy0;
      c2 += x1.z * dy0;
      c3 += x1.w * dy0;
      d0 += x1.x * dy1;
      d1 += x1.y * dy1;
      d2 += x1.z * dy1;
      d3 += x1.w * dy1;
      source += step;
      place += params.outBlocks;
    }
  }

  let blocks = params.outBlocks;
  let out = (tapPlace * params.inBlocks + i) * 4u * blocks + o;
  store(out, a0, nextOut, b0);
  store(out + blocks, a1, nextOut, b1);
  store(out + blocks * 2u, a2, nextOut, b2);
  store(out + blocks * 3u, a3, nextOut, b3);
  if (nextIn == 1u) {
    store(out + blocks * 4u, c0, nextOut, d0);
    store(out + blocks * 5u, c1, nextOut, d1);
    store(out + blocks * 6u, c2, nextOut, d2);
    store(out + blocks * 7u, c3, nextOut, d3);
  }
}
