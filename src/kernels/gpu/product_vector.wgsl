@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
{{extra_bindings}}

const OUT = {{out}}u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  load(local);
  let row = group.x * ROWS + local / LANES;
  if (row < OUT) {
    partial[local] = lane_product(row, local % LANES);
  }
  workgroupBarrier();
  if (local % LANES == 0u && row < OUT) {
    let value = together(local);
    y[row] = {{finish}};
  }
}
