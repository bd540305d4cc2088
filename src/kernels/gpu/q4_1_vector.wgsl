// The blocks that begin at four words, times block `b` of the activations.
fn block_products(at: vec4u, b: u32) -> vec4f {
  var products = vec4f(0.0);
  var sums = vec4f(0.0);
  for (var j = 0u; j < 4u; j++) {
    let low = activations(8u * b + j);
    let high = activations(8u * b + 4u + j);
    let next = at + 1u + j;
    products += vec4f(
      word_product(words[next.x], low, high),
      word_product(words[next.y], low, high),
      word_product(words[next.z], low, high),
      word_product(words[next.w], low, high)
    );
    sums += low + high;
  }
  // Scales, then minima.
  let heads = transpose(mat4x2f(
    unpack2x16float(words[at.x]),
    unpack2x16float(words[at.y]),
    unpack2x16float(words[at.z]),
    unpack2x16float(words[at.w])
  ));
  return heads[0] * products + heads[1] * (sums.x + sums.y + sums.z + sums.w);
}

fn word_product(word: u32, low: vec4f, high: vec4f) -> f32 {
  return dot(nibbles(word), low) + dot(nibbles(word >> 4u), high);
}
