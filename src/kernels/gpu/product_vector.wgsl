@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{{extra_bindings}}

const OUT = {{out}}u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = (group.x * 64u + local) * ROWS;
  if (first >= OUT) {
    return;
  }
  // Rows beyond the last are the last again; they are not written.
  let values = products(min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT - 1u)));
  for (var i = 0u; i < min(ROWS, OUT - first); i++) {
    let row = first + i;
    let value = values[i];
    y[row] = {{finish}};
  }
}
