// Mean loss of a micro-batch and its number of samples classified right, summed in order
//
// samples   [batch] vec2f: loss, 1 where classified right, by `softmax-cross-entropy`
// result    vec2f: mean loss, number right
// dispatch  one thread

struct Params {
  batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> samples: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> result: array<vec2f>;

@compute @workgroup_size(1)
fn main() {
  var sum = vec2f(0.0);
  for (var sample = 0u; sample < params.batch; sample++) {
    sum += samples[sample];
  }
  result[0] = vec2f(sum.x / f32(params.batch), sum.y);
}
