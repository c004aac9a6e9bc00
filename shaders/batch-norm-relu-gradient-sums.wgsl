// Sums of the backward of batch norm and ReLU, first half: of dz and of dz xhat over each
// chunk, dz = dy where y > 0, else 0, xhat = (x - mean) / sqrt(variance + epsilon)
//
// Chunks as in `batch-norm-statistics`; `batch-norm-gradient-sums-combine` joins them.
//
// x, y, dy    [pixels][blocks] Value4, `count` in all
// statistics  [blocks][2] vec4f: mean, 1 / sqrt(variance + epsilon)
// partials    [chunks][blocks][2] vec4f: sum of dz, sum of dz xhat
// dispatch    one thread a chunk and block, `threads` = chunks * blocks, spread over x
//             and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  threads: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> y: array<Value4>;
@group(0) @binding(3) var<storage, read> dy: array<Value4>;
@group(0) @binding(4) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> partials: array<vec4f>;

fn masked(index: u32) -> vec4f {
  return select(vec4f(0.0), vec4f(dy[index]), vec4f(y[index]) > vec4f(0.0));
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let thread = id.x + id.y * groups.x * 64u;
  if (thread >= params.threads) {
    return;
  }
  let step = params.threads;
  let block = thread % params.blocks;
  let mean = statistics[2u * block];
  var sum = vec4f(0.0);
  var along = vec4f(0.0);
  var index = thread;
  // Four loads an iteration; the last few pixels follow.
  for (; index + 3u * step < params.count; index += 4u * step) {
    let g0 = masked(index);
    let g1 = masked(index + step);
    let g2 = masked(index + 2u * step);
    let g3 = masked(index + 3u * step);
    let p0 = g0 * (vec4f(x[index]) - mean);
    let p1 = g1 * (vec4f(x[index + step]) - mean);
    let p2 = g2 * (vec4f(x[index + 2u * step]) - mean);
    let p3 = g3 * (vec4f(x[index + 3u * step]) - mean);
    sum += (g0 + g1) + (g2 + g3);
    along += (p0 + p1) + (p2 + p3);
  }
  for (; index < params.count; index += step) {
    let g = masked(index);
    sum += g;
    along += g * (vec4f(x[index]) - mean);
  }
  partials[2u * thread] = sum;
  partials[2u * thread + 1u] = along * statistics[2u * block + 1u];
}
