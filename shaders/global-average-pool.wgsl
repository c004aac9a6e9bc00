// Global average pool: the mean over the pixels of each sample
//
// x         [batch][pixels][blocks] Value4
// y         [batch][blocks] Value4, `count` in all
// dispatch  one thread a vec4f of y, spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  pixels: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read_write> y: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let output = id.x + id.y * groups.x * 64u;
  if (output >= params.count) {
    return;
  }
  let sample = output / params.blocks;
  let block = output - sample * params.blocks;
  let step = params.blocks;
  var index = sample * params.pixels * step + block;
  let end = index + params.pixels * step;
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  // Four loads an iteration; the last few pixels follow.
  for (; index + 3u * step < end; index += 4u * step) {
    sum0 += vec4f(x[index]);
    sum1 += vec4f(x[index + step]);
    sum2 += vec4f(x[index + 2u * step]);
    sum3 += vec4f(x[index + 3u * step]);
  }
  for (; index < end; index += step) {
    sum0 += vec4f(x[index]);
  }
  y[output] = Value4(((sum0 + sum1) + (sum2 + sum3)) / f32(params.pixels));
}
