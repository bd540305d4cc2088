// Of the workgroups' likeliest, the likeliest.
@group(0) @binding(0) var<storage, read_write> best: array<f32>;
@group(0) @binding(1) var<storage, read_write> top: array<f32>;

const GROUPS = {{groups}}u;

var<workgroup> indices: array<f32, 64>;
var<workgroup> logits: array<f32, 64>;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(local_invocation_index) local: u32) {
  var index = 0.0;
  var logit = -3.4e38;
  var sum = 0.0;
  for (var group = local; group < GROUPS; group += 64u) {
    let other = best[3u * group + 1u];
    if (other > logit) {
      sum *= exp(logit - other);
      index = best[3u * group];
      logit = other;
    }
    sum += best[3u * group + 2u] * exp(other - logit);
  }
  indices[local] = index;
  logits[local] = logit;
  sums[local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 64u; i++) {
      let other = logits[i];
      // The lower index where two are alike, as a search from the front finds it.
      if (other > logit || (other == logit && indices[i] < index)) {
        sum *= exp(logit - other);
        index = indices[i];
        logit = other;
      }
      sum += sums[i] * exp(other - logit);
    }
    top[0] = index;
    top[1] = logit;
    top[2] = log(sum);
  }
}
