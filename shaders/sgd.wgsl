// SGD without momentum, as `torch.optim.SGD`: p -= learningRate (g + weightDecay p); then g = 0
//
// g is what `gradients` holds times `gradientScale`.
//
// parameters, gradients  `count` vec4f, all tensors of the stage one behind the other
// dispatch               one thread a vec4f, spread over x and y

struct Params {
  count: u32,
  gradientScale: f32,
  weightDecay: f32,
}

struct Step {
  learningRate: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradients: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = id.x + id.y * groups.x * 64u;
  if (index >= params.count) {
    return;
  }
  let value = parameters[index];
  let slope = gradients[index] * params.gradientScale + params.weightDecay * value;
  parameters[index] = value - step.learningRate * slope;
  gradients[index] = vec4f(0.0);
}
