fn load(local: u32) {
  for (var i = local; i < INPUT / 4u; i += 64u) {
    v[i] = x[i];
  }
  sum_blocks(local);
}
