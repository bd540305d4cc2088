//! Byte-level byte-pair encoding, as SmolLM2 was trained with it.
//!
//! Written by hand instead of taken from a library: the page downloads this code, and the one
//! regular expression of the scheme needs no regex engine. It gives the same tokens as the Python
//! library `tokenizers` (`tests/tokenizer.rs`).
//!
//! Text becomes tokens in three steps:
//!
//! 1. It is cut into words (`Words`): every numeric character alone, and the stretches between them
//!    by GPT-2's expression.
//! 2. A word's UTF-8 bytes become one token each. SmolLM2 has no token for 21 of the 256 byte
//!    values (six control characters, the lead bytes of the unassigned planes 4 to 11, and the
//!    bytes that UTF-8 never uses); such a byte is left out, as `tokenizers` does.
//! 3. Neighbours are merged, the earliest rule of the merge table first, until no rule fits.
//!
//! Special tokens (`<|im_start|>` and the like) are never the result of [`Tokenizer::encode`]: a
//! user who types their text gets the ordinary tokens of its bytes. The template asks for them by
//! [`Tokenizer::special`].

mod alphabet;
mod stream;
mod words;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::Deserialize;

use self::alphabet::{ALPHABET, byte_of};
pub use self::stream::StreamDecoder;
use self::words::Words;

/// The version of the JSON form that [`Tokenizer::from_json`] reads and [`Tokenizer::to_json`]
/// writes.
const VERSION: u32 = 1;

/// More tokens than any published vocabulary; keeps every id within `u32` and a hostile file within
/// reason.
const MAX_TOKENS: usize = 1 << 20;

/// Why tokenizer tables were refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The text is not JSON, or a field is missing or of another type.
    #[error("the tokenizer is not readable as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON form is of a version that this program does not know.
    #[error("the tokenizer has version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// There are more tokens than a tokenizer may have.
    #[error("the tokenizer has {0} tokens, at most {MAX_TOKENS} are allowed")]
    TooManyTokens(usize),
    /// More tokens are declared special than there are.
    #[error("the tokenizer declares {special} special tokens but has only {tokens} tokens")]
    TooManySpecial {
        /// The number declared special.
        special: usize,
        /// The number of all tokens.
        tokens: usize,
    },
    /// A token is the empty string.
    #[error("token {0} is empty")]
    EmptyToken(usize),
    /// Two tokens have the same text.
    #[error("tokens {first} and {second} are the same")]
    DuplicateToken {
        /// The id of the one.
        first: usize,
        /// The id of the other.
        second: usize,
    },
    /// An ordinary token has a character that stands for no byte in GPT-2's alphabet.
    #[error("token {token} has the character {character:?}, which stands for no byte")]
    Alphabet {
        /// The id of the token.
        token: usize,
        /// The character.
        character: char,
    },
    /// A merge rule is not two tokens with one space between them.
    #[error("merge {0} is not two tokens with one space between them")]
    MergeForm(usize),
    /// A part or the product of a merge rule is no ordinary token.
    #[error("merge {merge} needs {text:?}, which is no ordinary token")]
    MergeToken {
        /// The place of the rule in the table, from 0.
        merge: usize,
        /// The missing token.
        text: String,
    },
    /// Two merge rules join the same two tokens.
    #[error("merges {first} and {second} join the same two tokens")]
    DuplicateMerge {
        /// The place of the one rule, from 0.
        first: usize,
        /// The place of the other rule, from 0.
        second: usize,
    },
}

/// The JSON form, see [`Tokenizer::from_json`].
#[derive(Deserialize)]
struct Tables {
    special: usize,
    tokens: Vec<String>,
    merges: Vec<String>,
}

/// The part of the JSON form that is read first, so that another version is refused as such and not
/// for its fields.
#[derive(Deserialize)]
struct Header {
    version: u32,
}

/// One rule of the merge table: two neighbouring tokens and the token that takes their place.
#[derive(Clone, Copy, Debug)]
struct Merge {
    left: u32,
    right: u32,
    product: u32,
}

/// A byte-level BPE tokenizer: text to token ids and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    /// The bytes of all tokens one after another; one allocation instead of one a token.
    bytes: Vec<u8>,
    /// Where each token ends in `bytes`.
    ends: Vec<usize>,
    /// The number of special tokens; they come first.
    special: usize,
    /// The token of each single byte, where there is one.
    of_byte: [Option<u32>; 256],
    /// The merge rules, the first to apply first.
    merges: Vec<Merge>,
    /// Two neighbouring tokens to the place of their rule in `merges`.
    ranks: HashMap<(u32, u32), u32>,
}

impl Tokenizer {
    /// Reads the form that the pack carries, one JSON object:
    ///
    /// * `version`: 1
    /// * `special`: how many tokens are special; they are the first ones
    /// * `tokens`: all tokens in the order of their ids; the special ones as plain text, the others
    ///   in GPT-2's alphabet, which writes every byte as a visible character (`Ġ` is the space)
    /// * `merges`: the rules, the first to apply first, each as `"left right"` in the same alphabet
    ///
    /// `tokens` and `merges` are the tables `tokenizer.ggml.tokens` and `tokenizer.ggml.merges` of
    /// a GGUF file.
    ///
    /// # Errors
    ///
    /// When the text is no such object, or its tables contradict each other; never a panic.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, TokenizerError> {
        let json = json.as_ref();
        let Header { version } = serde_json::from_slice(json)?;
        if version != VERSION {
            return Err(TokenizerError::Version(version));
        }
        let Tables {
            special,
            tokens,
            merges,
        } = serde_json::from_slice(json)?;
        Self::from_tables(tokens, merges, special)
    }

    /// Makes a tokenizer from its tables, with the meaning that they have in
    /// [`Tokenizer::from_json`].
    ///
    /// # Errors
    ///
    /// When the tables contradict each other or themselves.
    pub fn from_tables(
        tokens: Vec<String>,
        merges: Vec<String>,
        special: usize,
    ) -> Result<Self, TokenizerError> {
        if tokens.len() > MAX_TOKENS {
            return Err(TokenizerError::TooManyTokens(tokens.len()));
        }
        if special > tokens.len() {
            return Err(TokenizerError::TooManySpecial {
                special,
                tokens: tokens.len(),
            });
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(tokens.len());
        let mut of_byte = [None; 256];
        for (id, token) in tokens.iter().enumerate() {
            if token.is_empty() {
                return Err(TokenizerError::EmptyToken(id));
            }
            if let Some(first) = ids.insert(token.as_str(), id) {
                return Err(TokenizerError::DuplicateToken { first, second: id });
            }
            let start = bytes.len();
            if id < special {
                bytes.extend_from_slice(token.as_bytes());
            } else {
                for character in token.chars() {
                    bytes.push(byte_of(character).ok_or(TokenizerError::Alphabet {
                        token: id,
                        character,
                    })?);
                }
                if let Some(&[byte]) = bytes.get(start..)
                    && let Some(of_byte) = of_byte.get_mut(usize::from(byte))
                {
                    *of_byte = Some(id as u32);
                }
            }
            ends.push(bytes.len());
        }

        // Only ordinary tokens: this is what keeps special ones out of everything that `encode` can
        // give.
        let ordinary = |merge: usize, text: &str| match ids.get(text) {
            Some(&id) if id >= special => Ok(id as u32),
            _ => Err(TokenizerError::MergeToken {
                merge,
                text: text.to_owned(),
            }),
        };
        let mut table = Vec::with_capacity(merges.len());
        let mut ranks = HashMap::with_capacity(merges.len());
        for (rank, merge) in merges.iter().enumerate() {
            let (left, right) = merge
                .split_once(' ')
                .ok_or(TokenizerError::MergeForm(rank))?;
            if left.is_empty() || right.is_empty() || right.contains(' ') {
                return Err(TokenizerError::MergeForm(rank));
            }
            let product = ordinary(rank, &[left, right].concat())?;
            let (left, right) = (ordinary(rank, left)?, ordinary(rank, right)?);
            if let Some(first) = ranks.insert((left, right), rank as u32) {
                return Err(TokenizerError::DuplicateMerge {
                    first: first as usize,
                    second: rank,
                });
            }
            table.push(Merge {
                left,
                right,
                product,
            });
        }
        Ok(Self {
            bytes,
            ends,
            special,
            of_byte,
            merges: table,
            ranks,
        })
    }

    /// Writes the form that [`Tokenizer::from_json`] reads.
    pub fn to_json(&self) -> String {
        let text = |id: u32| -> String {
            let bytes = self.token_bytes(id).unwrap_or_default();
            if (id as usize) < self.special {
                String::from_utf8_lossy(bytes).into_owned()
            } else {
                bytes
                    .iter()
                    .filter_map(|&byte| ALPHABET.get(usize::from(byte)))
                    .collect()
            }
        };
        let tokens: Vec<String> = (0..self.vocabulary_size() as u32).map(text).collect();
        let merges: Vec<String> = self
            .merges
            .iter()
            .map(|merge| [&text(merge.left), " ", &text(merge.right)].concat())
            .collect();
        serde_json::json!({
            "version": VERSION,
            "special": self.special,
            "tokens": tokens,
            "merges": merges,
        })
        .to_string()
    }

    /// The number of tokens, special ones included; every id is below it.
    pub fn vocabulary_size(&self) -> usize {
        self.ends.len()
    }

    /// The id of a special token by its exact text, such as `<|im_start|>`.
    pub fn special(&self, text: &str) -> Option<u32> {
        (0..self.special as u32).find(|&id| self.token_bytes(id) == Some(text.as_bytes()))
    }

    /// The bytes that a token stands for, which may be a part of a character only; those of a
    /// special token are its text. `None` when there is no token of this id.
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let end = *self.ends.get(id)?;
        let start = match id.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// The tokens of a text, none of them special. Takes time in proportion to `n log n`, however
    /// long a word is.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        for word in (Words { rest: text }) {
            self.encode_word(word, &mut ids);
        }
        ids
    }

    /// The text of a sequence of tokens. Bytes that are not UTF-8, and ids without a token, become
    /// U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut decoder = StreamDecoder::default();
        let mut text: String = ids.iter().map(|&id| decoder.push(self, id)).collect();
        text.push_str(&decoder.finish());
        text
    }

    /// Appends the tokens of one word.
    fn encode_word(&self, word: &str, ids: &mut Vec<u32>) {
        // A linked list in a vector: a merged symbol keeps its left place, the right one is emptied
        // and passed over.
        let mut symbols: Vec<Symbol> = word
            .bytes()
            .filter_map(|byte| *self.of_byte.get(usize::from(byte))?)
            .enumerate()
            .map(|(place, id)| Symbol {
                id: Some(id),
                left: place.checked_sub(1),
                right: place + 1,
            })
            .collect();
        // The earliest rule first, and of its places the leftmost.
        let mut candidates: BinaryHeap<Reverse<(u32, usize)>> = (1..symbols.len())
            .filter_map(|right| self.candidate(&symbols, right - 1))
            .collect();
        while let Some(Reverse((rank, place))) = candidates.pop() {
            // A candidate is out of date once a merge has taken one of its two symbols.
            if self.candidate(&symbols, place) != Some(Reverse((rank, place))) {
                continue;
            }
            let left = self.merge(&mut symbols, rank, place);
            candidates.extend(self.candidate(&symbols, place));
            candidates.extend(left.and_then(|left| self.candidate(&symbols, left)));
        }
        ids.extend(symbols.iter().filter_map(|symbol| symbol.id));
    }

    /// Merges the symbol at a place and its right neighbour by the rule of this rank; gives the left
    /// neighbour's place, if there is one.
    fn merge(&self, symbols: &mut [Symbol], rank: u32, place: usize) -> Option<usize> {
        let product = self.merges.get(rank as usize)?.product;
        let taken = symbols.get_mut(symbols.get(place)?.right)?;
        taken.id = None;
        let next = taken.right;
        if let Some(next) = symbols.get_mut(next) {
            next.left = Some(place);
        }
        let symbol = symbols.get_mut(place)?;
        symbol.id = Some(product);
        symbol.right = next;
        symbol.left
    }

    /// The rule that fits the symbol at a place and its right neighbour, if any.
    fn candidate(&self, symbols: &[Symbol], place: usize) -> Option<Reverse<(u32, usize)>> {
        let symbol = symbols.get(place)?;
        let right = symbols.get(symbol.right)?;
        let rank = *self.ranks.get(&(symbol.id?, right.id?))?;
        Some(Reverse((rank, place)))
    }
}

/// A place in a word while its bytes are being merged.
struct Symbol {
    /// The token, or `None` once it has been merged into a neighbour.
    id: Option<u32>,
    /// The left neighbour's place.
    left: Option<usize>,
    /// The right neighbour's place; past the end for the last one.
    right: usize,
}
