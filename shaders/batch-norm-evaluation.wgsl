// Batch norm, evaluation forward: y = (x - mean) / sqrt(var + epsilon) weight + bias, with the
// running statistics
//
// x, y                     [pixels][blocks] Value4, `count` in all
// runningMean, runningVar  [blocks] vec4f
// weight, bias             [blocks] vec4f
// dispatch                 one thread four vec4f of one block, `threads` apart (a multiple of
//                          `blocks`), spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  threads: u32,
  blocks: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> runningMean: array<vec4f>;
@group(0) @binding(3) var<storage, read> runningVar: array<vec4f>;
@group(0) @binding(4) var<storage, read> weight: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<Value4>;

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
  let mean = runningMean[block];
  // A variance is never negative; a broken file's would turn into 0 instead of NaN on Metal.
  let scale = inverseSqrt(max(runningVar[block], vec4f(0.0)) + params.epsilon) * weight[block];
  let shift = bias[block];
  let second = thread + params.threads;
  let third = second + params.threads;
  let fourth = third + params.threads;
  y[thread] = Value4((vec4f(x[thread]) - mean) * scale + shift);
  if (second < params.count) {
    y[second] = Value4((vec4f(x[second]) - mean) * scale + shift);
  }
  if (third < params.count) {
    y[third] = Value4((vec4f(x[third]) - mean) * scale + shift);
  }
  if (fourth < params.count) {
    y[fourth] = Value4((vec4f(x[fourth]) - mean) * scale + shift);
  }
}
