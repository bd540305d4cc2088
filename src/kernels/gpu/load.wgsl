// Four activations.
fn activations(at: u32) -> vec4f {
  return x[at];
}

// What the products are to be multiplied by.
fn scale() -> f32 {
  return 1.0;
}
