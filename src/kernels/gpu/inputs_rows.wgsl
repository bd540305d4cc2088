@group(0) @binding(0) var<storage, read_write> projected: array<f32>;
@group(0) @binding(1) var<storage, read_write> rope: array<f32>;
@group(0) @binding(2) var<storage, read_write> start: array<u32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;
@group(0) @binding(4) var<storage, read_write> query: array<f32>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let all = QUERY_HEADS + 2u * HEADS;
  let index = group.x * 64u + local;
  let head = index / HALF;
  if (head < all) {
    let pair = index % HALF;
    let at = (group.y * all + head) * WIDTH + pair;
    place(head, pair, start[0] + group.y, group.y, projected[at], projected[at + HALF]);
  }
}
