// The block that begins at the word `at`, times block `b` of the activations.
fn block_product(at: u32, b: u32) -> f32 {
  let head = unpack2x16float(words[at]);
  var sum = vec4f(0.0);
  for (var j = 0u; j < 4u; j++) {
    let word = words[at + 1u + j];
    sum += nibbles(word) * v[8u * b + j] + nibbles(word >> 4u) * v[8u * b + 4u + j];
  }
  return head.x * (sum.x + sum.y + sum.z + sum.w) + head.y * sums[b];
}
