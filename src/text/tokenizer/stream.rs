//! Tokens back to text, as they arrive.

use super::Tokenizer;

/// Gives the text of tokens as they arrive, and holds back the bytes of a character that is not
/// complete yet.
///
/// What [`push`](Self::push) and [`finish`](Self::finish) give is together what
/// [`Tokenizer::decode`] gives.
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {
    /// The beginning of a character, at most three bytes.
    pending: Vec<u8>,
}

impl StreamDecoder {
    /// The text that this token completes; empty while a character is incomplete.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        self.pending
            .extend_from_slice(tokenizer.token_bytes(id).unwrap_or("\u{fffd}".as_bytes()));
        let mut text = String::new();
        let mut complete = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            complete += chunk.valid().len();
            // The rest may still become a character if all that is wrong with it is that it ends.
            let broken = chunk.invalid();
            let at_end = complete + broken.len() == self.pending.len();
            if at_end && std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none())
            {
                break;
            }
            if !broken.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                complete += broken.len();
            }
        }
        self.pending.drain(..complete);
        text
    }

    /// Ends the text: U+FFFD if the last character stayed incomplete. The decoder is then ready for
    /// another text.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}
