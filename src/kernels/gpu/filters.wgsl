// Rows of filters: a scale, then 16-bit integers, two a word.

// The scale of a row, the same for every block, and no minimum.
fn head(row: u32, b: u32) -> vec2f {
  return vec2f(bitcast<f32>(words[row * (1u + INPUT / 2u)]), 0.0);
}

// The integers of two words, signed.
fn integers(first: u32, second: u32) -> vec4f {
  return vec4f(vec4i(vec4u(first, first, second, second) << vec4u(16u, 0u, 16u, 0u)) >> vec4u(16u));
}

// Twice four values of a block: those at 4 `part`, 0 to 3, and those 16 further.
fn pair(row: u32, b: u32, part: u32, head: vec2f) -> mat2x4f {
  let at = row * (1u + INPUT / 2u) + 1u + 16u * b + 2u * part;
  return head.x * mat2x4f(integers(words[at], words[at + 1u]), integers(words[at + 8u], words[at + 9u]));
}

fn bias_of(channel: u32) -> f32 {
  return select(0.0, bias[min(channel, {{channels}}u - 1u)], channel < {{channels}}u);
}
