// chunkSums[chunk][ky, kx, i, o] = sum over the output rows of the chunk, and over ox, of
//   x[n, oy * stride + ky - padding, ox * stride + kx - padding, i] * dy[n, oy, ox, o];
//   with one chunk, `chunkSums` is the gradient itself and is added to (`accumulate` is 1)
//
// x         [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// dy        [rows = batch * outHeight][outWidth][outBlocks] Value4 over output channels
// chunkSums [chunks][kernel][kernel][inBlocks * 4][outBlocks] vec4f over output channels
// dispatch  a thread makes one input block of two output blocks of one tap in one chunk:
//           chunks * kernel * kernel * inBlocks * ceil(outBlocks / 2) threads, output blocks
//           fastest, spread over x and y
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

fn store(at: u32, sum: vec4f) {
  if (params.accumulate == 1u) {
    chunkSums[at] += sum;
  } else {
    chunkSums[at] = sum;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let pairs = (params.outBlocks + 1u) / 2u;
  let taps = params.kernel * params.kernel;
  // [chunk][tap][i][pair]
  let inPlace = index / pairs;
  let tapPlace = inPlace / params.inBlocks;
  let chunk = tapPlace / taps;
  let firstRow = chunk * params.rowsPerChunk;
  if (firstRow >= params.rows) {
    return;
  }
  let i = inPlace - tapPlace * params.inBlocks;
  let tap = tapPlace - chunk * taps;
  let ky = tap / params.kernel;
  let kx = tap - ky * params.kernel;
  let block = (index - inPlace * pairs) * 2u;
  let hasSecond = block + 1u < params.outBlocks;

  // The columns ox whose tap lies inside the picture: 0 <= ox * stride + kx - padding < inWidth.
  let stride = params.stride;
  let firstColumn = (max(params.padding, kx) - kx + stride - 1u) / stride;
  let reach = params.inWidth + params.padding;
  let endColumn = min(params.outWidth, (max(reach, kx) - kx + stride - 1u) / stride);

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  var second0 = vec4f(0.0);
  var second1 = vec4f(0.0);
  var second2 = vec4f(0.0);
  var second3 = vec4f(0.0);
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
    var place = (row * params.outWidth + firstColumn) * params.outBlocks + block;
    for (var ox = firstColumn; ox < endColumn; ox += 1u) {
      let value = vec4f(x[source]);
      let gradient = vec4f(dy[place]);
      let second = vec4f(dy[place + 1u]);
      sum0 += value.x * gradient;
      sum1 += value.y * gradient;
      sum2 += value.z * gradient;
      sum3 += value.w * gradient;
      second0 += value.x * second;
      second1 += value.y * second;
      second2 += value.z * second;
      second3 += value.w * second;
      source += stride * params.inBlocks;
      place += params.outBlocks;
    }
  }

  let out = (tapPlace * params.inBlocks + i) * 4u * params.outBlocks + block;
  store(out, sum0);
  store(out + params.outBlocks, sum1);
  store(out + params.outBlocks * 2u, sum2);
  store(out + params.outBlocks * 3u, sum3);
  if (hasSecond) {
    store(out + 1u, second0);
    store(out + params.outBlocks + 1u, second1);
    store(out + params.outBlocks * 2u + 1u, second2);
    store(out + params.outBlocks * 3u + 1u, second3);
  }
}
