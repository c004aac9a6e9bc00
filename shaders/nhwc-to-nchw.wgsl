// y[n, c, pixel] = x[n, pixel, c] scale
//
// x         [batch][pixels][blocks] Value4 over channels
// y         [batch][channels][pixels] f32, as tensors cross a stage boundary
// dispatch  one thread a vec4f of x, pixels fastest, spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
  blocks: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let plane = index / params.pixels;
  let pixel = index - plane * params.pixels;
  let n = plane / params.blocks;
  if (n >= params.batch) {
    return;
  }
  let block = plane - n * params.blocks;
  let value = vec4f(x[(n * params.pixels + pixel) * params.blocks + block]) * params.scale;
  let c = block * 4u;
  let out = (n * params.channels + c) * params.pixels + pixel;
  y[out] = value.x;
  if (c + 1u < params.channels) {
    y[out + params.pixels] = value.y;
  }
  if (c + 2u < params.channels) {
    y[out + params.pixels * 2u] = value.z;
  }
  if (c + 3u < params.channels) {
    y[out + params.pixels * 3u] = value.w;
  }
}
