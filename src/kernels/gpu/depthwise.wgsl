@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

const HEIGHT = {{height}};
const WIDTH = {{width}};
const ROWS = {{rows}}u;
const COLUMNS = {{columns}}u;
// Four channels each.
const FOURS = {{fours}}u;
const CHANNELS = {{channels}}u;
const KERNEL = {{kernel}};
const STRIDE = {{stride}};
const TOP = {{top}};
const LEFT = {{left}};

fn bias_of(channel: u32) -> f32 {
  return select(0.0, bias[min(channel, CHANNELS - 1u)], channel < CHANNELS);
}

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x * 64u + local;
  if (index >= ROWS * COLUMNS * FOURS) {
    return;
  }
  let four = index % FOURS;
  let column = i32(index / FOURS % COLUMNS);
  let row = i32(index / FOURS / COLUMNS);
  let picture = group.y * u32(HEIGHT * WIDTH);
  let channel = 4u * four;
  var sum = vec4f(bias_of(channel), bias_of(channel + 1u), bias_of(channel + 2u), bias_of(channel + 3u));
  for (var down = 0; down < KERNEL; down++) {
    let from_row = row * STRIDE + down - TOP;
    if (from_row < 0 || from_row >= HEIGHT) {
      continue;
    }
    for (var across = 0; across < KERNEL; across++) {
      let from_column = column * STRIDE + across - LEFT;
      if (from_column >= 0 && from_column < WIDTH) {
        let at = picture + u32(from_row * WIDTH + from_column);
        sum += x[at * FOURS + four] * weight[u32(down * KERNEL + across) * FOURS + four];
      }
    }
  }
  y[(group.y * ROWS * COLUMNS) * FOURS + index] = clamp(sum, vec4f(0.0), vec4f(6.0));
}
