const WORDS = 5u;

// The nibbles of a word's bytes, the low ones.
fn nibbles(word: u32) -> vec4f {
  return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u));
}

// Four values: `part` 0 to 7 of block `b` of a row.
fn four(row: u32, b: u32, part: u32) -> vec4f {
  let at = (row * BLOCKS + b) * WORDS;
  let head = unpack2x16float(words[at]);
  return head.x * nibbles(words[at + 1u + part % 4u] >> (4u * (part / 4u))) + head.y;
}
