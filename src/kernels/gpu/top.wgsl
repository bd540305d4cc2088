// The likeliest of all logits: its index, its logit, and the logarithm of the sum of all exponentials less that logit.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> top: array<f32>;

const OUT = {{out}}u;
const LEAST = -3.4e38;

var<workgroup> indices: array<u32, 64>;
var<workgroup> highest: array<f32, 64>;
var<workgroup> sums: array<f32, 64>;

fn logit(at: u32) -> f32 {
  return select(LEAST, logits[min(at, OUT - 1u)], at < OUT);
}

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(local_invocation_index) local: u32) {
  var index = 0u;
  var most = LEAST;
  var sum = 0.0;
  // Four at a time, so that the reads wait for each other as little as may be.
  for (var at = 4u * local; at < OUT; at += 256u) {
    let four = vec4f(logit(at), logit(at + 1u), logit(at + 2u), logit(at + 3u));
    let best = max(max(four.x, four.y), max(four.z, four.w));
    if (best > most) {
      sum *= exp(most - best);
      most = best;
      index = at + select(select(select(3u, 2u, four.z == best), 1u, four.y == best), 0u, four.x == best);
    }
    let shares = exp(four - most);
    sum += shares.x + shares.y + shares.z + shares.w;
  }
  indices[local] = index;
  highest[local] = most;
  sums[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 64u; i++) {
      let other = highest[i];
      // The lower index where two are alike, as a search from the front finds it.
      if (other > most || (other == most && indices[i] < index)) {
        sum *= exp(most - other);
        index = indices[i];
        most = other;
      }
      sum += sums[i] * exp(other - most);
    }
    top[0] = f32(index);
    top[1] = most;
    top[2] = log(sum);
  }
}
