@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// Fours in a row.
const FOURS = {{input}}u / 4u;
// Threads that write a row, each of which finds its scale for itself.
const WRITERS = 8u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = (group.x * 64u + local) / WRITERS * FOURS;
  if (row >= arrayLength(&y)) {
    return;
  }
  var squares = vec4f(0.0);
  for (var at = row; at < row + FOURS; at++) {
    squares += x[at] * x[at];
  }
  let mean = (squares.x + squares.y + squares.z + squares.w) / f32(4u * FOURS);
  let scale = inverseSqrt(mean + {{epsilon}});
  for (var i = local % WRITERS; i < FOURS; i += WRITERS) {
    y[row + i] = x[row + i] * scale * norm[i];
  }
}
