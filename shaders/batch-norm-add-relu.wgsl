// Batch norm, the sum with a shortcut, and ReLU, training forward:
//   y = max(0, (x - mean) / sqrt(variance + epsilon) weight + bias + shortcut)
//
// x, shortcut, y  [pixels][blocks] vec4f, `count` in all
// statistics      [blocks][2] vec4f: mean, 1 / sqrt(variance + epsilon)
// weight, bias    [blocks] vec4f
// dispatch        one thread four vec4f of one block, `threads` apart (a multiple of `blocks`),
//                 spread over x and y

struct Params {
  count: u32,
  threads: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(3) var<storage, read> weight: array<vec4f>;
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read> shortcut: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

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
  let scale = statistics[2u * block + 1u] * weight[block];
  let shift = bias[block];
  let second = thread + params.threads;
  let third = second + params.threads;
  let fourth = third + params.threads;
  y[thread] = max((x[thread] - mean) * scale + shift + shortcut[thread], vec4f(0.0));
  if (second < params.count) {
    y[second] = max((x[second] - mean) * scale + shift + shortcut[second], vec4f(0.0));
  }
  if (third < params.count) {
    y[third] = max((x[third] - mean) * scale + shift + shortcut[third], vec4f(0.0));
  }
  if (fourth < params.count) {
    y[fourth] = max((x[fourth] - mean) * scale + shift + shortcut[fourth], vec4f(0.0));
  }
}
