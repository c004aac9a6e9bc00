// y[n, pixel, c] = x[n, c, pixel] scale; zero where c >= channels
//
// x         [batch][channels][pixels] f32, as tensors cross a stage boundary
// y         [batch][pixels][blocks] Value4 over channels
// dispatch  one thread a vec4f of y, spread over x and y

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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Value4>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  let place = index / params.blocks;
  let n = place / params.pixels;
  if (n >= params.batch) {
    return;
  }
  let c = (index - place * params.blocks) * 4u;
  let first = (n * params.channels + c) * params.pixels + place - n * params.pixels;
  // A load behind the end is clamped into the buffer, and its lane dropped.
  let lanes = vec4f(
    x[first],
    x[first + params.pixels],
    x[first + params.pixels * 2u],
    x[first + params.pixels * 3u],
  ) * params.scale;
  let isChannel = vec4u(c) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels);
  y[index] = Value4(select(vec4f(0.0), lanes, isChannel));
}
