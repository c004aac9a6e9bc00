// Input gradient of global average pool: dx = dy / pixels; added to dx when `accumulate` is 1
//
// dy        [batch][blocks] vec4f
// dx        [batch][pixels][blocks] vec4f
// dispatch  one thread a vec4f of dx: (pixels * blocks, batch, 1)

struct Params {
  pixels: u32,
  blocks: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let size = params.pixels * params.blocks;
  if (id.x >= size) {
    return;
  }
  let index = id.y * size + id.x;
  var gradient = dy[id.y * params.blocks + id.x % params.blocks] / f32(params.pixels);
  if (params.accumulate == 1u) {
    gradient += dx[index];
  }
  dx[index] = gradient;
}
