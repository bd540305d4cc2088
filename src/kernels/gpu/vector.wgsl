// One row of activations times rows of blocks, four rows of the matrix a thread. Threads share no memory: on a software device a barrier
// costs more than all that it would save.

const INPUT = {{input}}u;
const BLOCKS = INPUT / 32u;
// Rows of the matrix that a thread takes.
const ROWS = 4u;

// The products with four rows of the matrix.
fn products(rows: vec4u) -> vec4f {
  var products = vec4f(0.0);
  for (var b = 0u; b < BLOCKS; b++) {
    products += block_products(((rows / 4u * BLOCKS + b) * 4u + rows % 4u) * WORDS, b);
  }
  return products * scale();
}
