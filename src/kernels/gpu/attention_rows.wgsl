// Attention of several rows, a head of a row a thread, with the sum of the shares scaled anew whenever a score is higher than all before it
// ("Online normalizer calculation for softmax", Milakov and Gimelshein 2018).

var<private> asked: array<vec4f, FOURS>;

fn score(key: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var i = 0u; i < FOURS; i++) {
    sum += asked[i] * cache[key + i];
  }
  return sum.x + sum.y + sum.z + sum.w;
}

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let mine = (group.x * 64u + local) * FOURS;
  if (mine >= arrayLength(&mixed)) {
    return;
  }
  let head = mine / FOURS % QUERY_HEADS;
  let row = mine / FOURS / QUERY_HEADS;
  let total = start[0] + row + 1u;
  let group_head = head / (QUERY_HEADS / HEADS);
  let keys = group_head * CAPACITY * FOURS;
  let values = (HEADS + group_head) * CAPACITY * FOURS;
  for (var i = 0u; i < FOURS; i++) {
    asked[i] = query[mine + i] * inverseSqrt(f32(WIDTH));
  }
  var taken = array<vec4f, FOURS>();
  var highest = -3.4e38;
  var sum = 0.0;
  for (var t = 0u; t < total; t++) {
    let found = score(keys + t * FOURS);
    if (found > highest) {
      let lower = exp(highest - found);
      sum *= lower;
      for (var i = 0u; i < FOURS; i++) {
        taken[i] *= lower;
      }
      highest = found;
    }
    let share = exp(found - highest);
    sum += share;
    for (var i = 0u; i < FOURS; i++) {
      taken[i] += share * cache[values + t * FOURS + i];
    }
  }
  for (var i = 0u; i < FOURS; i++) {
    mixed[mine + i] = taken[i] / sum;
  }
{{evidence}}
}
