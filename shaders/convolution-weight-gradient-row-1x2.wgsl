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
// dispatch  a thread makes one input block of two output blocks of a row of taps in one chunk:
//           chunks * 3 * inBlocks * ceil(outBlocks / 2) threads, output blocks fastest, spread over
//           x and y
//
// Exception, nested loop: rows and their columns are the one loop over what a weight sums, whose
//   lengths only the shapes know. Columns come two at a time: beside 24 sums there is
//   little room in registers for the operands of more.

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
  let inStep = params.inBlocks;
  let outStep = params.outBlocks;
  let outs = (outStep + 1u) / 2u;
  // [chunk][ky][i][out]
  let inPlace = index / outs;
  let tapPlace = inPlace / inStep;
  let chunk = tapPlace / 3u;
  let firstRow = chunk * params.rowsPerChunk;
  if (firstRow >= params.rows) {
    return;
  }
  let i = inPlace - tapPlace * inStep;
  let ky = tapPlace - chunk * 3u;
  let o = (index - inPlace * outs) * 2u;
  // Behind the last block there is none: the thread makes that one twice and stores it once.
  let nextOut = min(o + 1u, outStep - 1u) - o;

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
  var b00 = vec4f(0.0);
  var b01 = vec4f(0.0);
  var b02 = vec4f(0.0);
  var b03 = vec4f(0.0);
  var b10 = vec4f(0.0);
  var b11 = vec4f(0.0);
  var b12 = vec4f(0.0);
  var b13 = vec4f(0.0);
  var b20 = vec4f(0.0);
  var b21 = vec4f(0.0);
  var b22 = vec4f(0.0);
  var b23 = vec4f(0.0);
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
    // x at the columns ox - 1 and ox, and from there on to ox + 2.
    var x0 = vec4f(0.0);
    var x1 = vec4f(x[source]);
    // Two columns at a time; behind the last there is nothing to add.
    for (var ox = 0u; ox < params.outWidth; ox += 2u) {
      let left = params.outWidth - ox;
      let x2 = select(vec4f(0.0), vec4f(x[source + inStep]), left > 1u);
      let x3 = select(vec4f(0.0), vec4f(x[source + inStep * 2u]), left > 2u);
      let dy0 = vec4f(dy[place]);
      let dy1 = select(vec4f(0.0), vec4f(dy[place + outStep]), left > 1u);
      a00 = a00 + x0.x * dy0 + x1.x * dy1;
      a01 = a01 + x0.y * dy0 + x1.y * dy1;
      a02 = a02 + x0.z * dy0 + x1.z * dy1;
      a03 = a03 + x0.w * dy0 + x1.w * dy1;
      a10 = a10 + x1.x * dy0 + x2.x * dy1;
      a11 = a11 + x1.y * dy0 + x2.y * dy1;
      a12 = a12 + x1.z * dy0 + x2.z * dy1;
      a13 = a13 + x1.w * dy0 + x2.w * dy1;
      a20 = a20 + x2.x * dy0 + x3.x * dy1;
      a21 = a21 + x2.y * dy0 + x3.y * dy1;
      a22 = a22 + x2.z * dy0 + x3.z * dy1;
      a23 = a23 + x2.w * dy0 + x3.w * dy1;
      let next0 = vec4f(dy[place + nextOut]);
      let next1 = select(vec4f(0.0), vec4f(dy[place + outStep + nextOut]), left > 1u);
      b00 = b00 + x0.x * next0 + x1.x * next1;
      b01 = b01 + x0.y * next0 + x1.y * next1;
      b02 = b02 + x0.z * next0 + x1.z * next1;
      b03 = b03 + x0.w * next0 + x1.w * next1;
      b10 = b10 + x1.x * next0 + x2.x * next1;
      b11 = b11 + x1.y * next0 + x2.y * next1;
      b12 = b12 + x1.z * next0 + x2.z * next1;
      b13 = b13 + x1.w * next0 + x2.w * next1;
      b20 = b20 + x2.x * next0 + x3.x * next1;
      b21 = b21 + x2.y * next0 + x3.y * next1;
      b22 = b22 + x2.z * next0 + x3.z * next1;
      b23 = b23 + x2.w * next0 + x3.w * next1;
      x0 = x2;
      x1 = x3;
      source += inStep * 2u;
      place += outStep * 2u;
    }
  }

  let tapSize = inStep * 4u * outStep;
  let out0 = (tapPlace * 3u * inStep + i) * 4u * outStep + o;
  let out1 = out0 + tapSize;
  let out2 = out1 + tapSize;
  store(out0, a00, nextOut, b00);
  store(out0 + outStep, a01, nextOut, b01);
  store(out0 + outStep * 2u, a02, nextOut, b02);
  store(out0 + outStep * 3u, a03, nextOut, b03);
  store(out1, a10, nextOut, b10);
  store(out1 + outStep, a11, nextOut, b11);
  store(out1 + outStep * 2u, a12, nextOut, b12);
  store(out1 + outStep * 3u, a13, nextOut, b13);
  store(out2, a20, nextOut, b20);
  store(out2 + outStep, a21, nextOut, b21);
  store(out2 + outStep * 2u, a22, nextOut, b22);
  store(out2 + outStep * 3u, a23, nextOut, b23);
}
