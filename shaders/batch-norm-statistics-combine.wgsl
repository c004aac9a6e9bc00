// Statistics of batch norm, second half: joins the chunks and moves the running statistics
//
// Two sets of n and m values with means a and b and sums of squared deviations A and B join as
//   d = b - a, mean = a + d m / (n + m), squares = A + B + d^2 n m / (n + m)
// (Chan, Golub, LeVeque 1979). The order is fixed: each of a block's `lanes` threads joins every
// `lanes`th chunk, then a tree.
// Biased variance normalises; running_var takes the unbiased one, as in PyTorch.
//
// partials    [chunks][blocks][2] vec4f, by `batch-norm-statistics`
// runningMean, runningVar  [blocks] vec4f, moved in place by `momentum`
// statistics  [blocks][2] vec4f: mean, 1 / sqrt(variance + epsilon)
// pixels      N H W; chunk j has `pixelsPerChunk` of them, one more if j < `longerChunks`
// lanes       a power of two up to 64
// dispatch    `lanes` threads a block

struct Params {
  blocks: u32,
  chunks: u32,
  lanes: u32,
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

// The same for all threads of a workgroup, which hold as many blocks as they have room for.
fn join(place: u32, lane: u32, width: u32) {
  if (width >= params.lanes) {
    return;
  }
  workgroupBarrier();
  if (lane < width) {
    let other = place + width;
    let count = counts[place] + counts[other];
    let share = counts[other] / max(count, 1.0);
    let difference = means[other] - means[place];
    means[place] += difference * share;
    squares[place] += squares[other] + difference * difference * (share * counts[place]);
    counts[place] = count;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) place: u32,
) {
  let lane = place & (params.lanes - 1u);
  // Threads behind the last block go with the others, whose barriers they have to reach.
  let block = (group.x * 64u + place) / params.lanes;
  var count = 0.0;
  var mean = vec4f(0.0);
  var square = vec4f(0.0);
  for (var chunk = lane; chunk < params.chunks; chunk += params.lanes) {
    let pair = 2u * (chunk * params.blocks + block);
    let size = f32(params.pixelsPerChunk + select(0u, 1u, chunk < params.longerChunks));
    count += size;
    let share = size / count;
    let difference = partials[pair] - mean;
    mean += difference * share;
    square += partials[pair + 1u] + difference * difference * (share * (count - size));
  }
  counts[place] = count;
  means[place] = mean;
  squares[place] = square;
  join(place, lane, 32u);
  join(place, lane, 16u);
  join(place, lane, 8u);
  join(place, lane, 4u);
  join(place, lane, 2u);
  join(place, lane, 1u);
  if (lane == 0u && block < params.blocks) {
    let variance = squares[place] / f32(params.pixels);
    let unbiased = squares[place] / f32(max(params.pixels, 2u) - 1u);
    statistics[2u * block] = means[place];
    statistics[2u * block + 1u] = inverseSqrt(variance + params.epsilon);
    runningMean[block] += params.momentum * (means[place] - runningMean[block]);
    runningVar[block] += params.momentum * (unbiased - runningVar[block]);
  }
}
