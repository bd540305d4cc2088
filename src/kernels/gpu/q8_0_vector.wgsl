// The block that begins at the word `at`, times block `b` of the activations.
fn block_product(at: u32, b: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var j = 0u; j < 8u; j++) {
    sum += bytes(words[at + 1u + j]) * v[8u * b + j];
  }
  return unpack2x16float(words[at]).x * (sum.x + sum.y + sum.z + sum.w);
}
