// sum[j] += chunkSums[0][j] + chunkSums[1][j] + ... in this order
//
// chunkSums [chunks][count] vec4f
// sum       [count] vec4f
// dispatch  one thread a vec4f of `sum`, spread over x and y

struct Params {
  count: u32,
  chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chunkSums: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  if (index >= params.count) {
    return;
  }
  var total = vec4f(0.0);
  for (var chunk = 0u; chunk < params.chunks; chunk += 1u) {
    total += chunkSums[chunk * params.count + index];
  }
  sum[index] += total;
}
