// Input gradient of global average pool: dx = dy / pixels; added to dx when `accumulate` is 1
//
// dy        [batch][blocks] Value4
// dx        [batch][pixels][blocks] Value4
// dispatch  one thread a vec4f of dx: (pixels * blocks, batch, 1)

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  pixels: u32,
  blocks: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<Value4>;
@group(0) @binding(2) var<storage, read_write> dx: array<Value4>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let size = params.pixels * params.blocks;
  if (id.x >= size) {
    return;
  }
  let index = id.y * size + id.x;
  var gradient = vec4f(dy[id.y * params.blocks + id.x % params.blocks]) / f32(params.pixels);
  if (params.accumulate == 1u) {
    gradient += vec4f(dx[index]);
  }
  dx[index] = Value4(gradient);
}
