// The blocks that begin at four words, times block `b` of the activations.
fn block_products(at: vec4u, b: u32) -> vec4f {
  var products = vec4f(0.0);
  for (var j = 0u; j < 8u; j++) {
    let four = activations(8u * b + j);
    let next = at + 1u + j;
    products += vec4f(
      dot(bytes(words[next.x]), four),
      dot(bytes(words[next.y]), four),
      dot(bytes(words[next.z]), four),
      dot(bytes(words[next.w]), four)
    );
  }
  let scales = vec4f(
    unpack2x16float(words[at.x]).x,
    unpack2x16float(words[at.y]).x,
    unpack2x16float(words[at.z]).x,
    unpack2x16float(words[at.w]).x
  );
  return scales * products;
}
