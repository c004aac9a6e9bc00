// y[n, o] = sum over i of x[n, i] * weight[i, o] + bias[o]
//
// x         [batch][inBlocks] Value4 over input features
// weight    [inBlocks * 4][outBlocks] vec4f over output features
// bias      [outBlocks] vec4f
// y         [batch][outBlocks] Value4
// dispatch  a thread makes one output block of one sample: batch * outBlocks threads, spread over
//           x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  batch: u32,
  inBlocks: u32,
  outBlocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let n = index / params.outBlocks;
  if (n >= params.batch) {
    return;
  }
  let block = index - n * params.outBlocks;
  var sum = vec4f(0.0);
  var w = block;
  for (var i = 0u; i < params.inBlocks; i += 1u) {
    let value = vec4f(x[n * params.inBlocks + i]);
    sum += value.x * weight[w]
      + value.y * weight[w + params.outBlocks]
      + value.z * weight[w + params.outBlocks * 2u]
      + value.w * weight[w + params.outBlocks * 3u];
    w += params.outBlocks * 4u;
  }
  y[index] = Value4(sum + bias[block]);
}
