// Softmax cross-entropy with label smoothing s of each sample, its gradient, and whether the
// label's logit is the first largest
//
// With targets q = (1 - s) onehot + s / classes and p = softmax(logits) (Szegedy et al. 2015,
// arXiv 1512.00567):
//   loss = log sum exp(x - max) - (1 - s) (x_label - max) - s / classes sum(x - max)
//   dLogits = (p - q) gradientScale
//
// logits, gradient  [batch][blocks] Value4; the lanes behind the last class are ignored, and
//                   written as zeros
// labels            [batch] i32, each from 0 to classes - 1
// samples           [batch] vec2f: loss, 1 where classified right, else 0
// dispatch          one workgroup of 64 a sample

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  classes: u32,
  blocks: u32,
  labelSmoothing: f32,
  gradientScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Value4>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<Value4>;
@group(0) @binding(4) var<storage, read_write> samples: array<vec2f>;

const lowest = -3.4028234e38;

var<workgroup> largest: array<f32, 64>;
// Of each lane: sum of exp(x - max), sum of x - max, how many classes come before the label.
var<workgroup> sums: array<vec4f, 64>;

fn joinLargest(lane: u32, width: u32) {
  workgroupBarrier();
  if (lane < width) {
    largest[lane] = max(largest[lane], largest[lane + width]);
  }
}

fn joinSums(lane: u32, width: u32) {
  workgroupBarrier();
  if (lane < width) {
    sums[lane] += sums[lane + width];
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let sample = group.x;
  let base = sample * params.blocks;
  let lanes = vec4u(0u, 1u, 2u, 3u);

  var most = vec4f(lowest);
  for (var block = lane; block < params.blocks; block += 64u) {
    let isClass = lanes + 4u * block < vec4u(params.classes);
    most = max(most, select(vec4f(lowest), vec4f(logits[base + block]), isClass));
  }
  largest[lane] = max(max(most.x, most.y), max(most.z, most.w));
  joinLargest(lane, 32u);
  joinLargest(lane, 16u);
  joinLargest(lane, 8u);
  joinLargest(lane, 4u);
  joinLargest(lane, 2u);
  joinLargest(lane, 1u);
  workgroupBarrier();
  let top = largest[0];

  let label = u32(labels[sample]);
  let ofLabel = vec4f(logits[base + label / 4u])[label % 4u];
  var powers = vec4f(0.0);
  var distances = vec4f(0.0);
  var before = vec4f(0.0);
  for (var block = lane; block < params.blocks; block += 64u) {
    let class4 = lanes + 4u * block;
    let isClass = class4 < vec4u(params.classes);
    let value = vec4f(logits[base + block]);
    let distance = select(vec4f(0.0), value - top, isClass);
    powers += select(vec4f(0.0), exp(distance), isClass);
    distances += distance;
    let beaten = (value < vec4f(ofLabel)) | ((value == vec4f(ofLabel)) & (class4 >= vec4u(label)));
    before += select(vec4f(0.0), vec4f(1.0), isClass & !beaten);
  }
  sums[lane] = vec4f(dot(powers, vec4f(1.0)), dot(distances, vec4f(1.0)), dot(before, vec4f(1.0)), 0.0);
  joinSums(lane, 32u);
  joinSums(lane, 16u);
  joinSums(lane, 8u);
  joinSums(lane, 4u);
  joinSums(lane, 2u);
  joinSums(lane, 1u);
  workgroupBarrier();
  let total = sums[0];

  let spread = params.labelSmoothing / f32(params.classes);
  let kept = 1.0 - params.labelSmoothing;
  for (var block = lane; block < params.blocks; block += 64u) {
    let class4 = lanes + 4u * block;
    let isClass = class4 < vec4u(params.classes);
    let share = exp(select(vec4f(0.0), vec4f(logits[base + block]) - top, isClass)) / total.x;
    let target4 = select(vec4f(spread), vec4f(spread + kept), class4 == vec4u(label));
    let slope = (share - target4) * params.gradientScale;
    gradient[base + block] = Value4(select(vec4f(0.0), slope, isClass));
  }
  if (lane == 0u) {
    let logOfSum = log2(total.x) * 0.6931472;
    let loss = logOfSum - kept * (ofLabel - top) - spread * total.y;
    samples[sample] = vec2f(loss, select(0.0, 1.0, total.z == 0.0));
  }
}
