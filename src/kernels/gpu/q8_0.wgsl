const WORDS = 9u;

// Where block `b` of a row begins: four rows lie together, block by block.
fn block_at(row: u32, b: u32) -> u32 {
  return ((row / 4u * BLOCKS + b) * 4u + row % 4u) * WORDS;
}

// The bytes of a word, signed.
fn bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// Scale of block `b` of a row, and no minimum.
fn head(row: u32, b: u32) -> vec2f {
  return unpack2x16float(words[block_at(row, b)]);
}

// Twice four values of a block: those at 4 `part`, 0 to 3, and those 16 further.
fn pair(row: u32, b: u32, part: u32, head: vec2f) -> mat2x4f {
  let at = block_at(row, b) + 1u + part;
  return head.x * mat2x4f(bytes(words[at]), bytes(words[at + 4u]));
}
