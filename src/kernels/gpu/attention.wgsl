// Attention of one row, a head a workgroup.
@group(0) @binding(0) var<storage, read_write> query: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> cache: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> start: array<u32>;
@group(0) @binding(3) var<storage, read_write> mixed: array<vec4f>;
{{evidence_binding}}

const WIDTH = {{width}}u;
const HEADS = {{heads}}u;
const QUERY_HEADS = {{query_heads}}u;
const CAPACITY = {{capacity}}u;
// The channels of a row in fours.
const FOURS = WIDTH / 4u;
// Threads that share a channel group when values are added up.
const SHARERS = 64u / FOURS;

var<workgroup> shares: array<f32, CAPACITY>;
var<workgroup> asked: array<vec4f, FOURS>;
var<workgroup> partial: array<f32, 64>;
var<workgroup> sums: array<vec4f, 64>;

// The largest and the sum of a value of every thread, given to all. Barriers are dear on a software device: these have three each.
fn largest(local: u32, value: f32) -> f32 {
  var most = value;
  partial[local] = value;
  workgroupBarrier();
  if (local < 8u) {
    for (var i = 1u; i < 8u; i++) {
      most = max(most, partial[8u * i + local]);
    }
  }
  workgroupBarrier();
  if (local < 8u) {
    partial[local] = most;
  }
  workgroupBarrier();
  most = partial[0];
  for (var i = 1u; i < 8u; i++) {
    most = max(most, partial[i]);
  }
  return most;
}

fn sum_all(local: u32, value: f32) -> f32 {
  var sum = value;
  partial[local] = value;
  workgroupBarrier();
  if (local < 8u) {
    for (var i = 1u; i < 8u; i++) {
      sum += partial[8u * i + local];
    }
  }
  workgroupBarrier();
  if (local < 8u) {
    partial[local] = sum;
  }
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < 8u; i++) {
    sum += partial[i];
  }
  return sum;
}

@compute @workgroup_size(64, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32
) {
  let head = group.x;
  let total = start[0] + 1u;
  let group_head = head / (QUERY_HEADS / HEADS);
  let keys = group_head * CAPACITY * FOURS;
  let values = (HEADS + group_head) * CAPACITY * FOURS;
  let mine = head * FOURS;

  for (var i = local; i < FOURS; i += 64u) {
    asked[i] = query[mine + i] * inverseSqrt(f32(WIDTH));
  }
  workgroupBarrier();
  var highest = -3.4e38;
  for (var t = local; t < total; t += 64u) {
    var score = 0.0;
    for (var i = 0u; i < FOURS; i++) {
      score += dot(asked[i], cache[keys + t * FOURS + i]);
    }
    shares[t] = score;
    highest = max(highest, score);
  }
  highest = largest(local, highest);
  // Before `partial` is written again, all have read it.
  workgroupBarrier();
  var sum = 0.0;
  for (var t = local; t < total; t += 64u) {
    let share = exp(shares[t] - highest);
    shares[t] = share;
    sum += share;
  }
  sum = sum_all(local, sum);

  // `sum_all` has a barrier after its beginning: every share is written.
  let four = local % FOURS;
  var taken = vec4f(0.0);
  for (var t = local / FOURS; t < total; t += SHARERS) {
    taken += shares[t] * cache[values + t * FOURS + four];
  }
  sums[local] = taken;
  workgroupBarrier();
  if (local < FOURS) {
    for (var i = 1u; i < SHARERS; i++) {
      taken += sums[local + i * FOURS];
    }
    mixed[mine + local] = taken / sum;
  }
{{evidence}}
}
