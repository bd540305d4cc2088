// Rows of filters: a scale, then 16-bit integers, two a word.

// Four values: `part` 0 to 7 of block `b` of a row.
fn four(row: u32, b: u32, part: u32) -> vec4f {
  let start = row * (1u + INPUT / 2u);
  let at = start + 1u + b * 16u + 2u * part;
  let pairs = vec4i(vec4u(words[at], words[at], words[at + 1u], words[at + 1u]) << vec4u(16u, 0u, 16u, 0u));
  return bitcast<f32>(words[start]) * vec4f(pairs >> vec4u(16u));
}

fn bias_of(channel: u32) -> f32 {
  return select(0.0, bias[min(channel, {{channels}}u - 1u)], channel < {{channels}}u);
}
