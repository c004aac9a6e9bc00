// Sums of batch norm's backward, second half: joins the chunks and adds to the parameters' gradients
//
// dBias += sum of dy, dWeight += sum of dy xhat. The order is fixed: each of a block's `lanes`
// threads sums every `lanes`th chunk, then a tree.
//
// partials      [chunks][blocks][2] vec4f, by `batch-norm-gradient-sums`
// sums          [blocks][2] vec4f: sum of dy, sum of dy xhat
// dWeight, dBias  [blocks] vec4f
// lanes         a power of two up to 64
// dispatch      `lanes` threads a block

struct Params {
  blocks: u32,
  chunks: u32,
  lanes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dBias: array<vec4f>;

var<workgroup> plain: array<vec4f, 64>;
var<workgroup> along: array<vec4f, 64>;

// The same for all threads of a workgroup, which hold as many blocks as they have room for.
fn join(place: u32, lane: u32, width: u32) {
  if (width >= params.lanes) {
    return;
  }
  workgroupBarrier();
  if (lane < width) {
    plain[place] += plain[place + width];
    along[place] += along[place + width];
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) place: u32,
) {
  let lane = place & (params.lanes - 1u);
  // Threads behind the last block go with the others, whose barriers they have to reach.
  let block = (group.x * 64u + place) / params.lanes;
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  for (var chunk = lane; chunk < params.chunks; chunk += params.lanes) {
    let pair = 2u * (chunk * params.blocks + block);
    first += partials[pair];
    second += partials[pair + 1u];
  }
  plain[place] = first;
  along[place] = second;
  join(place, lane, 32u);
  join(place, lane, 16u);
  join(place, lane, 8u);
  join(place, lane, 4u);
  join(place, lane, 2u);
  join(place, lane, 1u);
  if (lane == 0u && block < params.blocks) {
    sums[2u * block] = plain[place];
    sums[2u * block + 1u] = along[place];
    dBias[block] += plain[place];
    dWeight[block] += along[place];
  }
}
