@group(0) @binding(0) var<storage, read_write> projected: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const OUT = {{out}}u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * 64u + local;
  if (column < OUT) {
    let at = group.y * 2u * OUT + column;
    let gate = projected[at];
    y[group.y * OUT + column] = gate / (1.0 + exp(-gate)) * projected[at + OUT];
  }
}
