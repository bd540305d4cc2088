const WORDS = 9u;

// The bytes of a word, signed.
fn bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// Four values: `part` 0 to 7 of block `b` of a row.
fn four(row: u32, b: u32, part: u32) -> vec4f {
  let at = (row * BLOCKS + b) * WORDS;
  return unpack2x16float(words[at]).x * bytes(words[at + 1u + part]);
}
