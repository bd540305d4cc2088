const WORDS = 5u;

// Where block `b` of a row begins: four rows lie together, block by block.
fn block_at(row: u32, b: u32) -> u32 {
  return ((row / 4u * BLOCKS + b) * 4u + row % 4u) * WORDS;
}

// The nibbles of a word's bytes, the low ones.
fn nibbles(word: u32) -> vec4f {
  return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u));
}

// Scale and minimum of block `b` of a row.
fn head(row: u32, b: u32) -> vec2f {
  return unpack2x16float(words[block_at(row, b)]);
}

// Twice four values of a block: those at 4 `part`, 0 to 3, and those 16 further.
fn pair(row: u32, b: u32, part: u32, head: vec2f) -> mat2x4f {
  let word = words[block_at(row, b) + 1u + part];
  return mat2x4f(head.x * nibbles(word) + head.y, head.x * nibbles(word >> 4u) + head.y);
}
