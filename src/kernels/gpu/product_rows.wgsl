// Eight rows of activations by four of the matrix a thread, eight by eight threads a workgroup. No memory is shared: on a software device
// barriers cost more than reading again, to compile (ten times as long) and to run (three times), and a GPU reads again from its cache.
@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{{extra_bindings}}

const INPUT = {{input}}u;
const BLOCKS = INPUT / 32u;
const OUT = {{out}}u;
// Fours in a row of activations.
const FOURS = INPUT / 4u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let rows = arrayLength(&y) / OUT;
  let first_row = group.y * 64u + local / 8u * 8u;
  let first_out = group.x * 32u + local % 8u * 4u;
  if (first_row >= rows || first_out >= OUT) {
    return;
  }
  // Rows beyond the last are the last again; they are not written.
  let upper = min(vec4u(first_row) + vec4u(0u, 1u, 2u, 3u), vec4u(rows - 1u)) * FOURS;
  let lower = min(vec4u(first_row) + vec4u(4u, 5u, 6u, 7u), vec4u(rows - 1u)) * FOURS;
  let outs = min(vec4u(first_out) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT - 1u));
  // A column a row of activations.
  var sums = array<mat4x4f, 2>();
  for (var b = 0u; b < BLOCKS; b++) {
    let head_0 = head(outs.x, b);
    let head_1 = head(outs.y, b);
    let head_2 = head(outs.z, b);
    let head_3 = head(outs.w, b);
    for (var part = 0u; part < 4u; part++) {
      let pair_0 = pair(outs.x, b, part, head_0);
      let pair_1 = pair(outs.y, b, part, head_1);
      let pair_2 = pair(outs.z, b, part, head_2);
      let pair_3 = pair(outs.w, b, part, head_3);
      let first = transpose(mat4x4f(pair_0[0], pair_1[0], pair_2[0], pair_3[0]));
      let second = transpose(mat4x4f(pair_0[1], pair_1[1], pair_2[1], pair_3[1]));
      let at = 8u * b + part;
      sums[0] += first * activations(upper, at) + second * activations(upper, at + 4u);
      sums[1] += first * activations(lower, at) + second * activations(lower, at + 4u);
    }
  }
  for (var i = 0u; i < 8u; i++) {
    for (var j = 0u; j < 4u; j++) {
      let row = first_row + i;
      let out = first_out + j;
      if (row < rows && out < OUT) {
        let at = row * OUT + out;
        let value = sums[i / 4u][i % 4u][j];
        y[at] = {{finish}};
      }
    }
  }
}

// Four channels of four rows.
fn activations(rows: vec4u, at: u32) -> mat4x4f {
  return mat4x4f(x[rows.x + at], x[rows.y + at], x[rows.z + at], x[rows.w + at]);
}
