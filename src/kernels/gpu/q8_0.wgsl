const WORDS = 9u;

// The bytes of a word, signed.
fn bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// Scale of block `b` of a row, and no minimum.
fn head(row: u32, b: u32) -> vec2f {
  return unpack2x16float(words[(row * BLOCKS + b) * WORDS]);
}

// Twice four values of a block: those at 4 `part`, 0 to 3, and those 16 further.
fn pair(row: u32, b: u32, part: u32, head: vec2f) -> mat2x4f {
  let at = (row * BLOCKS + b) * WORDS + 1u + part;
  return head.x * mat2x4f(bytes(words[at]), bytes(words[at + 4u]));
}
