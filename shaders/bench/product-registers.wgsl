// c = a * b, with nothing but registers between the operands and the sums, as the convolutions are
// made; beside product-workgroup.wgsl it shows which of the two the device runs faster.
//
// a         [rows][depthBlocks] vec4f over the depth
// b         [depthBlocks * 4][columnBlocks] vec4f over columns
// c         [rows][columnBlocks] vec4f over columns
// dispatch  a thread makes four rows of one block: x = columnBlocks, y = rows / 4;
//           rows, columns and depth are multiples of 32

struct Params {
  depthBlocks: u32,
  columnBlocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let depth = params.depthBlocks;
  let columns = params.columnBlocks;
  var row = id.y * 4u * depth;
  var block = id.x;
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var k = 0u; k < depth; k += 1u) {
    let a0 = a[row];
    let a1 = a[row + depth];
    let a2 = a[row + depth * 2u];
    let a3 = a[row + depth * 3u];
    let b0 = b[block];
    let b1 = b[block + columns];
    let b2 = b[block + columns * 2u];
    let b3 = b[block + columns * 3u];
    sum0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
    sum1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
    sum2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
    sum3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
    row += 1u;
    block += columns * 4u;
  }
  let first = id.y * 4u * columns + id.x;
  c[first] = sum0;
  c[first + columns] = sum1;
  c[first + columns * 2u] = sum2;
  c[first + columns * 3u] = sum3;
}
