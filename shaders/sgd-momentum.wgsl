// SGD with momentum, as `torch.optim.SGD` without dampening; then g = 0
//
//   d = g + weightDecay p
//   buffer = momentum buffer + d
//   p -= learningRate (nesterov ? d + momentum buffer : buffer)
// A buffer of zeros before the first step makes it PyTorch's first step.
// g is what `gradients` holds times `gradientScale`.
//
// parameters, gradients, momentumBuffer  `count` vec4f, all tensors of the stage one behind the other
// dispatch                               one thread a vec4f, spread over x and y

struct Params {
  count: u32,
  gradientScale: f32,
  momentum: f32,
  nesterov: u32,
  weightDecay: f32,
}

struct Step {
  learningRate: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> momentumBuffer: array<vec4f>;

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
  let buffer = params.momentum * momentumBuffer[index] + slope;
  let direction = select(buffer, slope + params.momentum * buffer, params.nesterov == 1u);
  momentumBuffer[index] = buffer;
  parameters[index] = value - step.learningRate * direction;
  gradients[index] = vec4f(0.0);
}
