// AdamW, as `torch.optim.AdamW` (Loshchilov and Hutter 2017, arXiv 1711.05101); then g = 0
//
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p = p (1 - learningRate weightDecay) - learningRate / (1 - beta1^step) m
//       / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
// g is what `gradients` holds times `gradientScale`. The factors that need powers or small
// differences are computed in float64 outside.
//
// parameters, gradients, expAvg (m), expAvgSq (v)  `count` vec4f, all tensors of the stage one behind
//                                                  the other
// dispatch                                         one thread a vec4f, spread over x and y

struct Params {
  count: u32,
  gradientScale: f32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  epsilon: f32,
}

struct Step {
  // 1 - learningRate weightDecay
  decay: f32,
  // learningRate / (1 - beta1^step)
  stepSize: f32,
  // 1 / sqrt(1 - beta2^step)
  deviationScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> expAvgSq: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  if (index >= params.count) {
    return;
  }
  let slope = gradients[index] * params.gradientScale;
  let first = params.beta1 * expAvg[index] + params.oneMinusBeta1 * slope;
  let second = params.beta2 * expAvgSq[index] + params.oneMinusBeta2 * slope * slope;
  let deviation = sqrt(second) * step.deviationScale + params.epsilon;
  expAvg[index] = first;
  expAvgSq[index] = second;
  parameters[index] = parameters[index] * step.decay - step.stepSize * first / deviation;
  gradients[index] = vec4f(0.0);
}
