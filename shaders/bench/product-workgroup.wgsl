// c = a * b, the operands' tiles first copied into workgroup memory; otherwise as
// product-registers.wgsl.
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

// 32 rows x 32 of the depth, and 32 of the depth x 32 columns: 8192 bytes.
var<workgroup> tileA: array<vec4f, 256>;
var<workgroup> tileB: array<vec4f, 256>;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let depth = params.depthBlocks;
  let columns = params.columnBlocks;
  // A thread copies a block of every eighth row of each tile.
  let slot = local.y * 8u + local.x;
  let rowA = (group.y * 32u + local.y) * depth + local.x;
  let rowB = local.y * columns + group.x * 8u + local.x;
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var k = 0u; k < depth; k += 8u) {
    let fromA = rowA + k;
    let fromB = rowB + k * 4u * columns;
    tileA[slot] = a[fromA];
    tileA[slot + 64u] = a[fromA + depth * 8u];
    tileA[slot + 128u] = a[fromA + depth * 16u];
    tileA[slot + 192u] = a[fromA + depth * 24u];
    tileB[slot] = b[fromB];
    tileB[slot + 64u] = b[fromB + columns * 8u];
    tileB[slot + 128u] = b[fromB + columns * 16u];
    tileB[slot + 192u] = b[fromB + columns * 24u];
    workgroupBarrier();
    // Exception, nested loop: it goes over the depth as the one of product-registers.wgsl does, so
    //   that where the operands lie is all that differs.
    var row = local.y * 32u;
    var block = local.x;
    // Exception, loop of known length: unrolled, it would be compared with a loop that is guarded
    //   eight times as often.
    for (var step = 0u; step < 8u; step += 1u) {
      let a0 = tileA[row];
      let a1 = tileA[row + 8u];
      let a2 = tileA[row + 16u];
      let a3 = tileA[row + 24u];
      let b0 = tileB[block];
      let b1 = tileB[block + 8u];
      let b2 = tileB[block + 16u];
      let b3 = tileB[block + 24u];
      sum0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
      sum1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
      sum2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
      sum3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
      row += 1u;
      block += 32u;
    }
    workgroupBarrier();
  }
  let first = id.y * 4u * columns + id.x;
  c[first] = sum0;
  c[first + columns] = sum1;
  c[first + columns * 2u] = sum2;
  c[first + columns * 3u] = sum3;
}
