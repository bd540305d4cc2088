// 32 rows of activations by 32 of the matrix a workgroup, four by four a thread, a block of 32 channels at a time.
@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{{extra_bindings}}

const INPUT = {{input}}u;
const BLOCKS = INPUT / 32u;
const OUT = {{out}}u;
// Fours in a block, and so in a row of a tile.
const FOURS = 8u;

var<workgroup> activations: array<vec4f, 32u * FOURS>;
var<workgroup> weights: array<vec4f, 32u * FOURS>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let rows = arrayLength(&y) / OUT;
  let first_row = group.y * 32u;
  let first_out = group.x * 32u;
  let at_row = local / 8u * 4u;
  let at_out = local % 8u * 4u;
  // A column a row of the thread's four.
  var sum = mat4x4f();
  for (var b = 0u; b < BLOCKS; b++) {
    for (var i = local; i < 32u * FOURS; i += 64u) {
      let row = first_row + i / FOURS;
      let out = first_out + i / FOURS;
      var activation = vec4f(0.0);
      var weight = vec4f(0.0);
      if (row < rows) {
        activation = x[(row * BLOCKS + b) * FOURS + i % FOURS];
      }
      if (out < OUT) {
        weight = four(out, b, i % FOURS);
      }
      activations[i] = activation;
      weights[i] = weight;
    }
    workgroupBarrier();
    for (var k = 0u; k < FOURS; k++) {
      // Transposed, the four weights give their products with a row of activations as one product of matrix and vector.
      let columns = transpose(mat4x4f(
        weights[at_out * FOURS + k],
        weights[(at_out + 1u) * FOURS + k],
        weights[(at_out + 2u) * FOURS + k],
        weights[(at_out + 3u) * FOURS + k]
      ));
      for (var i = 0u; i < 4u; i++) {
        sum[i] += columns * activations[(at_row + i) * FOURS + k];
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      let row = first_row + at_row + i;
      let out = first_out + at_out + j;
      if (row < rows && out < OUT) {
        let at = row * OUT + out;
        let value = sum[i][j];
        y[at] = {{finish}};
      }
    }
  }
}
