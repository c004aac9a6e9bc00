// Statistics of batch norm, first half: mean and sum of squared deviations of each chunk
//
// The pixels of all samples (N H W of them) are dealt to the chunks in turn: chunk j has the pixels
// j, j + chunks, j + 2 chunks, …. A chunk sums x - k and (x - k)^2 with k its own first value, so
// that a mean far from zero cancels nothing. `batch-norm-statistics-combine` joins the chunks.
//
// x         [pixels][blocks] Value4, `count` in all
// partials  [chunks][blocks][2] vec4f: mean, sum of (x - mean)^2
// dispatch  one thread a chunk and block, `threads` = chunks * blocks, spread over x and y

// Activations and gradients as they are stored: see `runtime/webgpu/precision.ts`.
alias Value4 = vec4f;

struct Params {
  count: u32,
  threads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value4>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let thread = id.x + id.y * groups.x * 64u;
  if (thread >= params.threads) {
    return;
  }
  let step = params.threads;
  let k = vec4f(x[thread]);
  var sum = vec4f(0.0);
  var squares = vec4f(0.0);
  var index = thread + step;
  // Four loads an iteration; the last few pixels follow.
  for (; index + 3u * step < params.count; index += 4u * step) {
    let d0 = vec4f(x[index]) - k;
    let d1 = vec4f(x[index + step]) - k;
    let d2 = vec4f(x[index + 2u * step]) - k;
    let d3 = vec4f(x[index + 3u * step]) - k;
    sum += (d0 + d1) + (d2 + d3);
    squares += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
  }
  for (; index < params.count; index += step) {
    let d = vec4f(x[index]) - k;
    sum += d;
    squares += d * d;
  }
  let pixels = f32((params.count - thread - 1u) / step + 1u);
  let offset = sum / pixels;
  partials[2u * thread] = k + offset;
  partials[2u * thread + 1u] = max(squares - sum * offset, vec4f(0.0));
}
