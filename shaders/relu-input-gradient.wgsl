// dx = dy where y > 0, else 0; added to dx when `accumulate` is 1
//
// y, dy, dx  [batch][height][width][blocks] Value4, `count` in all
// dispatch   one thread a vec4f, spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<Value4>;
@group(0) @binding(2) var<storage, read> dy: array<Value4>;
@group(0) @binding(3) var<storage, read_write> dx: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  if (index >= params.count) {
    return;
  }
  var gradient = select(vec4f(0.0), vec4f(dy[index]), vec4f(y[index]) > vec4f(0.0));
  if (params.accumulate == 1u) {
    gradient += vec4f(dx[index]);
  }
  dx[index] = Value4(gradient);
}
