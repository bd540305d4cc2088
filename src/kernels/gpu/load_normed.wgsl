// Four activations times the norm's weights.
fn activations(at: u32) -> vec4f {
  return x[at] * norm[at];
}

// What the products are to be multiplied by: one over the root of the mean square.
fn scale() -> f32 {
  var squares = vec4f(0.0);
  for (var at = 0u; at < INPUT / 4u; at++) {
    squares += x[at] * x[at];
  }
  return inverseSqrt((squares.x + squares.y + squares.z + squares.w) / f32(INPUT) + {{epsilon}});
}
