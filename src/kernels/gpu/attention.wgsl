// Attention of one row, a head a workgroup.
// Threads that share a channel group when values are added up.
const SHARERS = 64u / FOURS;

var<workgroup> shares: array<f32, CAPACITY>;
var<workgroup> asked: array<vec4f, FOURS>;
var<workgroup> parts: array<vec2f, 64>;
var<workgroup> sums: array<vec4f, 64>;

// The highest score and the sum of the exponentials less it, of two parts of the keys together.
fn joined(a: vec2f, b: vec2f) -> vec2f {
  let highest = max(a.x, b.x);
  return vec2f(highest, a.y * exp(a.x - highest) + b.y * exp(b.x - highest));
}

// The same of every thread's part, given to all. Barriers are dear on a software device: this has three.
fn joined_all(local: u32, mine: vec2f) -> vec2f {
  var all = mine;
  parts[local] = mine;
  workgroupBarrier();
  if (local < 8u) {
    for (var i = 1u; i < 8u; i++) {
      all = joined(all, parts[8u * i + local]);
    }
  }
  workgroupBarrier();
  if (local < 8u) {
    parts[local] = all;
  }
  workgroupBarrier();
  all = parts[0];
  for (var i = 1u; i < 8u; i++) {
    all = joined(all, parts[i]);
  }
  return all;
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
  var part = vec2f(-3.4e38, 0.0);
  for (var t = local; t < total; t += 64u) {
    var score = 0.0;
    for (var i = 0u; i < FOURS; i++) {
      score += dot(asked[i], cache[keys + t * FOURS + i]);
    }
    shares[t] = score;
    part = joined(part, vec2f(score, 1.0));
  }
  let all = joined_all(local, part);
  for (var t = local; t < total; t += 64u) {
    shares[t] = exp(shares[t] - all.x) / all.y;
  }
  workgroupBarrier();
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
    mixed[mine + local] = taken;
  }
{{evidence}}
}
