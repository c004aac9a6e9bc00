// Statistics of batch norm, second half: joins the chunks and moves the running statistics
//
// Two sets of n and m values with means a and b and sums of squared deviations A and B join as
//   d = b - a, mean = a + d m / (n + m), squares = A + B + d^2 n m / (n + m)
// (Chan, Golub, LeVeque 1979). The order is fixed: each thread joins every 64th chunk, then a tree.
// Biased variance normalises; running_var takes the unbiased one, as in PyTorch.
//
// partials    [chunks][blocks][2] vec4f, by `batch-norm-statistics`
// runningMean, runningVar  [blocks] vec4f, moved in place by `momentum`
// statistics  [blocks][2] vec4f: mean, 1 / sqrt(variance + epsilon)
// pixels      N H W; chunk j has `pixelsPerChunk` of them, one more if j < `longerChunks`
// dispatch    one workgroup of 64 a block

struct Params {
  blocks: u32,
  chunks: u32,
  pixels: u32,
  pixelsPerChunk: u32,
  longerChunks: u32,
  epsilon: f32,
  momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> runningMean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> runningVar: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> statistics: array<vec4f>;

var<workgroup> means: array<vec4f, 64>;
var<workgroup> squares: array<vec4f, 64>;
var<workgroup> counts: array<f32, 64>;

fn join(lane: u32, width: u32) {
  workgroupBarrier();
  if (lane < width) {
    let count = counts[lane] + counts[lane + width];
    let share = counts[lane + width] / max(count, 1.0);
    let difference = means[lane + width] - means[lane];
    means[lane] += difference * share;
    squares[lane] += squares[lane + width] + difference * difference * (share * counts[lane]);
    counts[lane] = count;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x;
  var count = 0.0;
  var mean = vec4f(0.0);
  var square = vec4f(0.0);
  for (var chunk = lane; chunk < params.chunks; chunk += 64u) {
    let place = 2u * (chunk * params.blocks + block);
    let size = f32(params.pixelsPerChunk + select(0u, 1u, chunk < params.longerChunks));
    count += size;
    let share = size / count;
    let difference = partials[place] - mean;
    mean += difference * share;
    square += partials[place + 1u] + difference * difference * (share * (count - size));
  }
  counts[lane] = count;
  means[lane] = mean;
  squares[lane] = square;
  join(lane, 32u);
  join(lane, 16u);
  join(lane, 8u);
  join(lane, 4u);
  join(lane, 2u);
  join(lane, 1u);
  if (lane == 0u) {
    let variance = squares[0] / f32(params.pixels);
    let unbiased = squares[0] / f32(max(params.pixels, 2u) - 1u);
    statistics[2u * block] = means[0];
    statistics[2u * block + 1u] = inverseSqrt(variance + params.epsilon);
    runningMean[block] += params.momentum * (means[0] - runningMean[block]);
    runningVar[block] += params.momentum * (unbiased - runningVar[block]);
  }
}
