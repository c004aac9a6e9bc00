// chunkSums[chunk][ky, kx, i, o] = sum over the output rows of the chunk, and over ox, of
//   x[n, oy + ky - 1, ox + kx - 1, i] * dy[n, oy, ox, o];
//   with one chunk, `chunkSums` is the gradient itself and is added to (`accumulate` is 1)
//
// For kernel 3, stride 1, padding 1 alone. Along a row the three taps kx see the same x one after
// the other, so that each is loaded once for all three.
//
// x         [batch][inHeight][inWidth][inBlocks] Value4 over input channels
// dy        [rows = batch * outHeight][outWidth][outBlocks] Value4 over output channels
// chunkSums [chunks][3][3][inBlocks * 4][outBlocks] vec4f over output channels
// dispatch  a thread makes one input block of one output block of a row of taps in one chunk:
//           chunks * 3 * inBlocks * outBlocks threads, output blocks fastest, spread over
//           x and y
//
// Exception, nested loop: rows and their columns are the one loop over what a weight sums, whose
//   lengths only the shapes know. Columns come four at a time.

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
  let inStep = params.inBlocks;
  let outStep = params.outBlocks;
  // [chunk][ky][i][out]
  let inPlace = index / outStep;
  let tapPlace = inPlace / inStep;
  let chunk = tapPlace / 3u;
  let firstRow = chunk * params.rowsPerChunk;
  if (firstRow >= params.rows) {
    return;
  }
  let i = inPlace - tapPlace * inStep;
  let ky = tapPlace - chunk * 3u;
  let o = index - inPlace * outStep;

  var a00 = vec4f(0.0);
  var a01 = vec4f(0.0);
  var a02 = vec4f(0.0);
  var a03 = vec4f(0.0);
  var a10 = vec4f(0.0);
  var a11 = vec4f(0.0);
  var a12 = vec4f(0.0);
  var a13 = vec4f(0.0);
  var a20 = vec4f(0.0);
  var a21 = vec4f(0.0);
  var a22 = vec4f(0.0);
  var a23 = vec4f(0.0);
  let endRow = min(firstRow + params.rowsPerChunk, params.rows);
  var n = firstRow / params.outHeight;
  var oy = firstRow - n * params.outHeight;
  for (var row = firstRow; row < endRow; row += 1u) {
    let iy = oy + ky - 1u;
    let sourceRow = n * params.inHeight + iy;
    let isLast = oy + 1u == params.outHeight;
    oy = select(oy + 1u, 0u, isLast);
    n = select(n, n + 1u, isLast);
    // Above the picture, iy is below zero, which u32 has as very large.
    if (iy >= params.inHeight) {
      continue;
    }
    var source = sourceRow * params.inWidth * inStep + i;
    var place = row * params.outWidth * outStep + o;
    // x at the columns ox - 1 and ox, and from there on to ox + 4.
    var x0 = vec4f(0.0);
    var x1 = vec4f(x[source]);
    // Four columns at a time; behind the last there is nothing to add.
    for (var ox = 0u; ox < params.outWidth; ox += 4u) {
      let left = params.outWidth - ox;
      let x2 = select(vec4f(0.0), vec4f(x[source + inStep]), left > 1u);
      let x3 = select(vec4f(0.0), vec4f(x[source + inStep * 2u]), left > 2u);
      let x4 = select(vec4f(0.0), vec4f(x[source + inStep * 3u]), left > 3u);
      let x5 = select(vec4f(0.0), vec4f(x[source + inStep * 4u]), left > 4u);
      let dy0 = vec4f(dy[place]);
      let dy1 = select(vec4f(0.0), vec4f(dy[place + outStep]), left > 1u);
      let dy2 = select(vec4f(0.0), vec4f(dy[place + outStep * 2u]), left > 2u);
      let dy3 = select(vec4f(0.0), vec4f(dy[place + outStep * 3u]), left > 3u);
      a00 = a00 + x0.x * dy0 + x1.x * dy1 + x2.x * dy2 + x3.x * dy3;
      a01 = a01 + x0.y * dy0 + x1.y * dy1 + x2.y * dy2 + x3.y * dy3;
      a02 = a02 + x0.z * dy0 + x1.z * dy1 + x2.z * dy2 + x3.z * dy3;
      a03 = a03 + x0.w * dy0 + x1.w * dy1 + x2.w * dy2 + x3.w * dy3;
      a10 = a10 + x1.x * dy0 + x2.x * dy1 + x3.x * dy2 + x4.x * dy3;
      a11 = a11 + x1.y * dy0 + x2.y * dy1 + x3.y * dy2 + x4.y * dy3;
      a12 = a12 + x1.z * dy0 + x2.z * dy1 + x3.z * dy2 + x4.z * dy3;
      a13 = a13 + x1.w * dy0 + x2.w * dy1 + x3.w * dy2 + x4.w * dy3;
      a20 = a20 + x2.x * dy0 + x3.x * dy1 + x4.x * dy2 + x5.x * dy3;
      a21 = a21 + x2.y * dy0 + x3.y * dy1 + x4.y * dy2 + x5.y * dy3;
      a22 = a22 + x2.z * dy0 + x3.z * dy1 + x4.z * dy2 + x5.z * dy3;
      a23 = a23 + x2.w * dy0 + x3.w * dy1 + x4.w * dy2 + x5.w * dy3;
      x0 = x4;
      x1 = x5;
      source += inStep * 4u;
      place += outStep * 4u;
    }
  }

  let tapSize = inStep * 4u * outStep;
  let out0 = (tapPlace * 3u * inStep + i) * 4u * outStep + o;
  let out1 = out0 + tapSize;
  let out2 = out1 + tapSize;
  store(out0, a00);
  store(out0 + outStep, a01);
  store(out0 + outStep * 2u, a02);
  store(out0 + outStep * 3u, a03);
  store(out1, a10);
  store(out1 + outStep, a11);
  store(out1 + outStep * 2u, a12);
  store(out1 + outStep * 3u, a13);
  store(out2, a20);
  store(out2 + outStep, a21);
  store(out2 + outStep * 2u, a22);
  store(out2 + outStep * 3u, a23);
}
