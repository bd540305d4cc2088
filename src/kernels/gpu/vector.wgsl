// One row of activations in the memory of the workgroup, and its products with rows of blocks: four lanes share a row of the matrix, a
// workgroup has sixteen.

const INPUT = {{input}}u;
const BLOCKS = INPUT / 32u;
const LANES = 4u;
const ROWS = 16u;

var<workgroup> v: array<vec4f, INPUT / 4u>;
// The sum of each block of 32, for the minimum of the weights.
var<workgroup> sums: array<f32, BLOCKS>;
var<workgroup> partial: array<f32, 64>;

fn sum_blocks(local: u32) {
  workgroupBarrier();
  for (var b = local; b < BLOCKS; b += 64u) {
    var sum = vec4f(0.0);
    for (var j = 0u; j < 8u; j++) {
      sum += v[8u * b + j];
    }
    sums[b] = sum.x + sum.y + sum.z + sum.w;
  }
  workgroupBarrier();
}

// A lane's part of the product with a row of the matrix.
fn lane_product(row: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var b = lane; b < BLOCKS; b += LANES) {
    sum += block_product((row * BLOCKS + b) * WORDS, b);
  }
  return sum;
}

// The four lanes together, after a barrier.
fn together(local: u32) -> f32 {
  return partial[local] + partial[local + 1u] + partial[local + 2u] + partial[local + 3u];
}
