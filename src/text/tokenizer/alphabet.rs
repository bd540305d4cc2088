//! The characters that stand for bytes in a published vocabulary.

/// GPT-2's alphabet: the visible characters of Latin-1 stand for their own bytes, and the other
/// bytes, in their order, are written as the characters from U+0100 on (`bytes_to_unicode` in
/// GPT-2's `encoder.py`).
#[expect(clippy::indexing_slicing, reason = "computed while compiling")]
pub(super) static ALPHABET: [char; 256] = {
    let mut alphabet = ['\0'; 256];
    let mut hidden = 0x100;
    let mut byte = 0;
    while byte < 256 {
        alphabet[byte] = match byte as u8 {
            visible @ (b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) => visible as char,
            _ => {
                let Some(character) = char::from_u32(hidden) else {
                    panic!("found while compiling")
                };
                hidden += 1;
                character
            }
        };
        byte += 1;
    }
    alphabet
};

/// [`ALPHABET`] read backwards: the byte of each character, where it has one.
#[expect(clippy::indexing_slicing, reason = "computed while compiling")]
static BYTES: [Option<u8>; 0x144] = {
    let mut bytes = [None; 0x144];
    let mut byte = 0;
    while byte < 256 {
        bytes[ALPHABET[byte] as usize] = Some(byte as u8);
        byte += 1;
    }
    bytes
};

/// The byte that a character of GPT-2's alphabet stands for.
pub(super) fn byte_of(character: char) -> Option<u8> {
    *BYTES.get(character as usize)?
}
