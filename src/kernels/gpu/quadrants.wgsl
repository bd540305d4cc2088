@group(0) @binding(0) var<storage, read_write> map: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const HEIGHT = {{height}}u;
const WIDTH = {{width}}u;
const CHANNELS = {{channels}}u;
const ROOM = {{room}}u;
// First row, first column, rows and columns.
const PARTS = array<vec4u, 5>({{parts}});

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x * 64u + local;
  if (index >= 5u * CHANNELS) {
    return;
  }
  let channel = index % CHANNELS;
  var parts = PARTS;
  let part = parts[index / CHANNELS];
  var sum = 0.0;
  for (var row = part.x; row < part.x + part.z; row++) {
    for (var column = part.y; column < part.y + part.w; column++) {
      sum += map[((group.y * HEIGHT + row) * WIDTH + column) * ROOM + channel];
    }
  }
  y[group.y * 5u * CHANNELS + index] = sum / f32(part.z * part.w);
}
