@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> rope: array<f32>;
@group(0) @binding(4) var<storage, read_write> start: array<u32>;
@group(0) @binding(5) var<storage, read_write> cache: array<f32>;
@group(0) @binding(6) var<storage, read_write> query: array<f32>;

// Pairs of channels of a head that are rotated into each other, of all heads.
const PAIRS = (QUERY_HEADS + 2u * HEADS) * HALF;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = (group.x * 64u + local) * ROWS / 2u;
  if (first >= PAIRS) {
    return;
  }
  // The four rows are the first channels of two pairs, then the second. Where there is no second pair, the first is placed twice.
  let pairs = min(vec2u(first, first + 1u), vec2u(PAIRS - 1u));
  let heads = pairs / HALF;
  let rows = heads * WIDTH + pairs % HALF;
  let channels = products(vec4u(rows, rows + HALF));
  place(heads.x, pairs.x % HALF, start[0], 0u, channels.x, channels.z);
  place(heads.y, pairs.y % HALF, start[0], 0u, channels.y, channels.w);
}
