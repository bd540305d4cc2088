@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

const FOURS = {{input}}u / 4u;
const BLOCKS = {{input}}u / 32u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = rows[group.x];
  // A block has four pairs of fours.
  for (var i = local; i < FOURS / 2u; i += 64u) {
    let b = i / 4u;
    let fours = pair(row, b, i % 4u, head(row, b));
    let at = group.x * FOURS + 8u * b + i % 4u;
    y[at] = fours[0];
    y[at + 4u] = fours[1];
  }
}
