// The sum of all of `partial`, given to every thread. Begins and ends with a barrier.
fn sum_all(local: u32) -> f32 {
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      partial[local] += partial[local + half];
    }
  }
  workgroupBarrier();
  return partial[0];
}
