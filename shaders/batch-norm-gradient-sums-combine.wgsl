// Sums of batch norm's backward, second half: joins the chunks and adds to the parameters' gradients
//
// dBias += sum of dy, dWeight += sum of dy xhat. The order is fixed: each thread sums every 64th
// chunk, then a tree.
//
// partials      [chunks][blocks][2] vec4f, by `batch-norm-gradient-sums`
// sums          [blocks][2] vec4f: sum of dy, sum of dy xhat
// dWeight, dBias  [blocks] vec4f
// dispatch      one workgroup of 64 a block

struct Params {
  blocks: u32,
  chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dBias: array<vec4f>;

var<workgroup> plain: array<vec4f, 64>;
var<workgroup> along: array<vec4f, 64>;

fn join(lane: u32, width: u32) {
  workgroupBarrier();
  if (lane < width) {
    plain[lane] += plain[lane + width];
    along[lane] += along[lane + width];
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x;
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  for (var chunk = lane; chunk < params.chunks; chunk += 64u) {
    let place = 2u * (chunk * params.blocks + block);
    first += partials[place];
    second += partials[place + 1u];
  }
  plain[lane] = first;
  along[lane] = second;
  join(lane, 32u);
  join(lane, 16u);
  join(lane, 8u);
  join(lane, 4u);
  join(lane, 2u);
  join(lane, 1u);
  if (lane == 0u) {
    sums[2u * block] = plain[0];
    sums[2u * block + 1u] = along[0];
    dBias[block] += plain[0];
    dWeight[block] += along[0];
  }
}
