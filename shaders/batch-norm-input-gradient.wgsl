// Input gradient of batch norm; added to dx when `accumulate` is 1
//
// With m = N H W values a channel and xhat = (x - mean) inverseStd:
//   dx = weight inverseStd (dy - sum(dy) / m - xhat sum(dy xhat) / m)
// (Ioffe and Szegedy 2015, arXiv 1502.03167).
//
// x, dy, dx   [pixels][blocks] Value4, `count` in all
// statistics  [blocks][2] vec4f: mean, inverseStd
// sums        [blocks][2] vec4f: sum of dy, sum of dy xhat
// weight      [blocks] vec4f
// dispatch    one thread four vec4f of one block, `threads` apart (a multiple of `blocks`),
//             spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  threads: u32,
  blocks: u32,
  accumulate: u32,
  inversePixels: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> dy: array<Value4>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(4) var<storage, read> sums: array<vec4f>;
@group(0) @binding(5) var<storage, read> weight: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let thread = id.x + id.y * groups.x * 64u;
  if (thread >= params.threads) {
    return;
  }
  let block = thread % params.blocks;
  let mean = statistics[2u * block];
  let inverseStd = statistics[2u * block + 1u];
  let scale = weight[block] * inverseStd;
  let level = sums[2u * block] * params.inversePixels;
  let slope = sums[2u * block + 1u] * params.inversePixels * inverseStd;
  let second = thread + params.threads;
  let third = second + params.threads;
  let fourth = third + params.threads;
  store(thread, (vec4f(dy[thread]) - level - (vec4f(x[thread]) - mean) * slope) * scale);
  if (second < params.count) {
    store(second, (vec4f(dy[second]) - level - (vec4f(x[second]) - mean) * slope) * scale);
  }
  if (third < params.count) {
    store(third, (vec4f(dy[third]) - level - (vec4f(x[third]) - mean) * slope) * scale);
  }
  if (fourth < params.count) {
    store(fourth, (vec4f(dy[fourth]) - level - (vec4f(x[fourth]) - mean) * slope) * scale);
  }
}

fn store(index: u32, gradient: vec4f) {
  if (params.accumulate == 1u) {
    dx[index] = Value4(vec4f(dx[index]) + gradient);
  } else {
    dx[index] = Value4(gradient);
  }
}
