@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;
// For each workgroup the index and the logit of its likeliest, and the sum of the exponentials less that logit.
@group(0) @binding(4) var<storage, read_write> best: array<f32>;

const OUT = {{out}}u;

var<workgroup> found: array<f32, ROWS>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  load(local);
  let row = group.x * ROWS + local / LANES;
  if (row < OUT) {
    partial[local] = lane_product(row, local % LANES);
  }
  workgroupBarrier();
  if (local % LANES == 0u && row < OUT) {
    let logit = together(local);
    logits[row] = logit;
    found[local / LANES] = logit;
  }
  workgroupBarrier();
  if (local == 0u) {
    let rows = min(ROWS, OUT - group.x * ROWS);
    var at = 0u;
    for (var i = 1u; i < rows; i++) {
      if (found[i] > found[at]) {
        at = i;
      }
    }
    var sum = 0.0;
    for (var i = 0u; i < rows; i++) {
      sum += exp(found[i] - found[at]);
    }
    best[3u * group.x] = f32(group.x * ROWS + at);
    best[3u * group.x + 1u] = found[at];
    best[3u * group.x + 2u] = sum;
  }
}
