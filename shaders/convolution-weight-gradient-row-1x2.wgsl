// chunkSums[chunk][ky, kx, i, o] = sum over the output rows of the chunk, and over ox, of
//   x[n, oy + ky - 1, ox + kx - 1, i] * dy[n, oy, ox, o];
//   with one chunk, `chunkSums` is the gradient itself and is added to (`accumulate` is 1)
//
// For kernel 3, stride 1, padding 1 alone. Along a row the three taps kx see the same x one after
// the other, so that each is loaded once for all three.
//
// x         [batch][inHeight][inWidth][inBlocks] vec4f over input channels
// dy        [rows = batch * outHeight][outWidth][outBlocks] vec4f over output channels
// chunkSums [chunks][3][3][inBlocks * 4][outBlocks] vec4f over output channels
// dispatch  a thread makes one input block of two output blocks of a row of taps in one chunk:
//           chunks * 3 * inBlocks * ceil(outBlocks / 2) threads, output blocks fastest, spread over
//           x and y

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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
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
  let outs = (params.outBlocks + 1u) / 2u;
  // [chunk][ky][i][out]
  let inPlace = index / outs;
  let tapPlace = inPlace / params.inBlocks;
  let chunk = tapPlace / 3u;
  let firstRow = chunk * params.rowsPerChunk;
  if (firstRow >= params.rows) {
    return;
  }
  let i = inPlace - tapPlace * params.inBlocks;
  let ky = tapPlace - chunk * 3u;
  let o = (index - inPlace * outs) * 2u;
  // Behind the last block there is none: the thread makes that one twice and stores it once.
  let nextOut = min(o + 1u, params.outBlocks - 1u) - o;

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
  for (var row = firstRow; row < endRow; row += 1u) {
    let n = row / params.outHeight;
    let shiftedY = row - n * params.outHeight + ky;
    if (shiftedY < 1u || shiftedY > params.inHeight) {
      continue;
    }
    let sourceRow = n * params.inHeight + shiftedY - 1u;
    var source = sourceRow * params.inWidth * params.inBlocks + i;
    var place = row * params.outWidth * params.outBlocks + o;
    var left = vec4f(0.0);
    var here = x[source];
    for (var ox = 1u; ox <= params.outWidth; ox += 1u) {
      source += params.inBlocks;
      let right = select(vec4f(0.0), x[source], ox < params.outWidth);
      let gradient = dy[place];
      let second = dy[place + nextOut];
      a00 += left.x * gradient;
      a01 += left.y * gradient;
      a02 += left.z * gradient;
      a03 += left.w * gradient;
      a10 += here.x * gradient;
      a11 += here.y * gradient;
      a12 += here.z * gradient;
      a13 += here.w * gradient;
      a20 += right.x * gradient;
      a21 += right.y * gradient;
      a22 += right.z * gradient;
      a23 += right.w * gradient;
      b00 += left.x * second;
      b01 += left.y * second;
      b02 += left.z * second;
      b03 += left.w * second;
      b10 += here.x * second;
      b11 += here.y * second;
      b12 += here.z * second;
      b13 += here.w * second;
      b20 += right.x * second;
      b21 += right.y * second;
      b22 += right.z * second;
      b23 += right.w * second;
      left = here;
      here = right;
      place += params.outBlocks;
    }
  }

  let step = params.outBlocks;
  let tapSize = params.inBlocks * 4u * step;
  let out0 = (tapPlace * 3u * params.inBlocks + i) * 4u * step + o;
  let out1 = out0 + tapSize;
  let out2 = out1 + tapSize;
  store(out0, a00, nextOut, b00);
  store(out0 + step, a01, nextOut, b01);
  store(out0 + step * 2u, a02, nextOut, b02);
  store(out0 + step * 3u, a03, nextOut, b03);
  store(out1, a10, nextOut, b10);
  store(out1 + step, a11, nextOut, b11);
  store(out1 + step * 2u, a12, nextOut, b12);
  store(out1 + step * 3u, a13, nextOut, b13);
  store(out2, a20, nextOut, b20);
  store(out2 + step, a21, nextOut, b21);
  store(out2 + step * 2u, a22, nextOut, b22);
  store(out2 + step * 3u, a23, nextOut, b23);
}
