@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const OUT = {{out}}u;

var<workgroup> gates: array<f32, 64>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  load(local);
  let row = group.x * ROWS + local / LANES;
  if (row < OUT) {
    gates[local] = lane_product(row, local % LANES);
    partial[local] = lane_product(OUT + row, local % LANES);
  }
  workgroupBarrier();
  if (local % LANES == 0u && row < OUT) {
    let gate = gates[local] + gates[local + 1u] + gates[local + 2u] + gates[local + 3u];
    y[row] = gate / (1.0 + exp(-gate)) * together(local);
  }
}
