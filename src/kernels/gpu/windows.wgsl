@group(0) @binding(0) var<storage, read_write> pixels: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const CHANNELS = {{channels}};
const HEIGHT = {{height}};
const WIDTH = {{width}};
const ROWS = {{rows}}u;
const COLUMNS = {{columns}}u;
const KERNEL = {{kernel}};
const STRIDE = {{stride}};
const TOP = {{top}};
const LEFT = {{left}};
// Values kept for a window: those in it, and zeros.
const ROOM = {{room}}u;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x * 64u + local;
  if (index >= ROWS * COLUMNS * ROOM) {
    return;
  }
  let place = i32(index % ROOM);
  let column = i32(index / ROOM % COLUMNS) * STRIDE + place % KERNEL - LEFT;
  let row = i32(index / ROOM / COLUMNS) * STRIDE + place / KERNEL % KERNEL - TOP;
  let channel = place / (KERNEL * KERNEL);
  var value = 0.0;
  if (channel < CHANNELS && row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH) {
    value = pixels[((i32(group.y) * CHANNELS + channel) * HEIGHT + row) * WIDTH + column];
  }
  y[group.y * ROWS * COLUMNS * ROOM + index] = value;
}
