// Counts multiply-adds: each of four sums starts at 0 and takes `iterations` steps of
//   sum = sum * factor + term
// With factor = term = 1, unknown to the compiler, all four end at `iterations`, exactly. Adds
//   counts[id] += (sum0 + sum1 + sum2 + sum3) * share
//
// One step of each sum an iteration: beside loop-unrolled.wgsl it shows what the guard costs that
// Safari puts into every iteration of every loop (WebKit 37051, 40379).
//
// counts    [threads] vec4f
// dispatch  x = threads, a whole number of workgroups

struct Params {
  factor: f32,
  term: f32,
  share: f32,
  iterations: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> counts: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = params.factor;
  let term = params.term;
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var i = 0u; i < params.iterations; i += 1u) {
    sum0 = sum0 * factor + term;
    sum1 = sum1 * factor + term;
    sum2 = sum2 * factor + term;
    sum3 = sum3 * factor + term;
  }
  counts[id.x] += (sum0 + sum1 + sum2 + sum3) * params.share;
}
