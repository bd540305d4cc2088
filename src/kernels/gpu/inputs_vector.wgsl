@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> rope: array<f32>;
@group(0) @binding(4) var<storage, read_write> start: array<u32>;
@group(0) @binding(5) var<storage, read_write> cache: array<f32>;
@group(0) @binding(6) var<storage, read_write> query: array<f32>;

// A workgroup has eight pairs of a head, channels that are rotated into each other.
const PAIRS = 8u;

var<workgroup> channels: array<f32, ROWS>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  load(local);
  let head = group.x / (HALF / PAIRS);
  let at = local / LANES;
  let pair = group.x % (HALF / PAIRS) * PAIRS + at % PAIRS;
  partial[local] = lane_product(head * WIDTH + pair + at / PAIRS * HALF, local % LANES);
  workgroupBarrier();
  if (local % LANES == 0u) {
    channels[at] = together(local);
  }
  workgroupBarrier();
  if (local % LANES == 0u && at < PAIRS) {
    place(head, pair, start[0], 0u, channels[at], channels[at + PAIRS]);
  }
}
