@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const OUT = {{out}}u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = (group.x * 64u + local) * ROWS / 2u;
  if (first >= OUT) {
    return;
  }
  // Of the four rows two are gates, the others what they are for.
  let rows = min(vec2u(first, first + 1u), vec2u(OUT - 1u));
  let values = products(vec4u(rows, OUT + rows));
  let gates = values.xy;
  let gated = gates / (1.0 + exp(-gates)) * values.zw;
  // Where there is no second, the first is written twice.
  y[rows.x] = gated.x;
  y[rows.y] = gated.y;
}
