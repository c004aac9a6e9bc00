// dweight[i, o] += sum over n of x[n, i] * dy[n, o];  dbias[o] += sum over n of dy[n, o]
//
// x         [batch][inBlocks] Value4 over input features
// dy        [batch][outBlocks] Value4 over output features
// dweight   [inBlocks * 4][outBlocks] vec4f over output features
// dbias     [outBlocks] vec4f
// dispatch  a thread makes one input block of one output block; one more row of threads makes the
//           bias: (inBlocks + 1) * outBlocks threads, output blocks fastest, spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  batch: u32,
  inBlocks: u32,
  outBlocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read> dy: array<Value4>;
@group(0) @binding(3) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dbias: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let i = index / params.outBlocks;
  let block = index - i * params.outBlocks;
  if (i > params.inBlocks) {
    return;
  }
  if (i == params.inBlocks) {
    var sum = vec4f(0.0);
    for (var n = 0u; n < params.batch; n += 1u) {
      sum += vec4f(dy[n * params.outBlocks + block]);
    }
    dbias[block] += sum;
    return;
  }
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var n = 0u; n < params.batch; n += 1u) {
    let value = vec4f(x[n * params.inBlocks + i]);
    let gradient = vec4f(dy[n * params.outBlocks + block]);
    sum0 += value.x * gradient;
    sum1 += value.y * gradient;
    sum2 += value.z * gradient;
    sum3 += value.w * gradient;
  }
  let out = i * 4u * params.outBlocks + block;
  dweight[out] += sum0;
  dweight[out + params.outBlocks] += sum1;
  dweight[out + params.outBlocks * 2u] += sum2;
  dweight[out + params.outBlocks * 3u] += sum3;
}
