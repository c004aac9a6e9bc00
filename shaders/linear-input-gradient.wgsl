// dx[n, i] = sum over o of dy[n, o] * weight[i, o]; added to dx when `accumulate` is 1
//
// dy        [batch][outBlocks] Value4 over output features
// weight    [inBlocks * 4][outBlocks] vec4f over output features
// dx        [batch][inBlocks] Value4 over input features
// dispatch  a thread makes one input block of one sample: batch * inBlocks threads, spread over
//           x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  batch: u32,
  inBlocks: u32,
  outBlocks: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<Value4>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let n = index / params.inBlocks;
  if (n >= params.batch) {
    return;
  }
  var w = (index - n * params.inBlocks) * 4u * params.outBlocks;
  var sum = vec4f(0.0);
  for (var o = 0u; o < params.outBlocks; o += 1u) {
    let gradient = vec4f(dy[n * params.outBlocks + o]);
    sum += vec4f(
      dot(gradient, weight[w]),
      dot(gradient, weight[w + params.outBlocks]),
      dot(gradient, weight[w + params.outBlocks * 2u]),
      dot(gradient, weight[w + params.outBlocks * 3u]),
    );
    w += 1u;
  }
  if (params.accumulate == 1u) {
    sum += vec4f(dx[index]);
  }
  dx[index] = Value4(sum);
}
