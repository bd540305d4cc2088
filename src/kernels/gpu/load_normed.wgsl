fn load(local: u32) {
  var square = 0.0;
  for (var i = local; i < INPUT / 4u; i += 64u) {
    let value = x[i];
    square += dot(value, value);
    v[i] = value * norm[i];
  }
  partial[local] = square;
  let scale = inverseSqrt(sum_all(local) / f32(INPUT) + {{epsilon}});
  for (var i = local; i < INPUT / 4u; i += 64u) {
    v[i] *= scale;
  }
  sum_blocks(local);
}
