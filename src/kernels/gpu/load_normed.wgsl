fn load(local: u32) {
  var square = 0.0;
  for (var i = local; i < INPUT / 4u; i += 64u) {
    let value = x[i];
    square += dot(value, value);
    v[i] = value * norm[i];
  }
  partial[local] = square;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      partial[local] += partial[local + half];
    }
  }
  workgroupBarrier();
  let scale = inverseSqrt(partial[0] / f32(INPUT) + {{epsilon}});
  for (var i = local; i < INPUT / 4u; i += 64u) {
    v[i] *= scale;
  }
  sum_blocks(local);
}
