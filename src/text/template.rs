//! An episode as the model reads it.
//!
//! ```text
//! <|im_start|> PICTURE This is called cactihog⏎ PICTURE This is called hedgehog⏎ … PICTURE This is called
//! ```
//!
//! and the model goes on with ` cactihog⏎`. The line feed is the stop: it is the one thing that a name cannot hold, so that a name may be
//! anything a person types, with spaces, full stops and quotes, in any script. "Called" takes a proper name as well as a common one
//! and needs no article.

use std::ops::Range;

use thiserror::Error;

use super::tokenizer::Tokenizer;

const BEGIN: &str = "<|im_start|>";
const PROMPT: &str = " This is called";
const STOP: &str = "\n";

/// The tokenizer cannot write the template.
#[derive(Debug, Error, Clone, PartialEq)]
#[error("the tokenizer does not have {0:?} as one token; the pack is of another model")]
pub struct TemplateError(&'static str);

/// One position of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// A token of the vocabulary.
    Token(u32),
    /// A visual token.
    Visual {
        /// Index of the picture among those given with the sequence.
        picture: usize,
        /// Which of the picture's visual tokens.
        part: usize,
    },
}

/// The fixed tokens of the template.
#[derive(Clone, Debug)]
pub struct Template {
    begin: u32,
    prompt: Vec<u32>,
    stop: u32,
    visual_tokens: usize,
}

impl Template {
    /// The template in a tokenizer's tokens, for pictures of `visual_tokens` positions.
    ///
    /// # Errors
    ///
    /// When the begin or stop mark is not one token.
    pub fn new(tokenizer: &Tokenizer, visual_tokens: usize) -> Result<Self, TemplateError> {
        let begin = tokenizer.special(BEGIN).ok_or(TemplateError(BEGIN))?;
        let stop = match tokenizer.encode(STOP)[..] {
            [stop] => stop,
            _ => return Err(TemplateError(STOP)),
        };
        Ok(Self {
            begin,
            prompt: tokenizer.encode(PROMPT),
            stop,
            visual_tokens,
        })
    }

    /// The token that ends a name.
    pub fn stop(&self) -> u32 {
        self.stop
    }

    /// What every sequence begins with.
    pub fn begin(&self) -> Vec<Position> {
        vec![Position::Token(self.begin)]
    }

    /// Positions that [`push_query`](Self::push_query) adds.
    pub fn query_len(&self) -> usize {
        self.visual_tokens + self.prompt.len()
    }

    /// Positions that [`push_example`](Self::push_example) adds.
    pub fn example_len(&self, name: &[u32]) -> usize {
        self.query_len() + name.len() + 1
    }

    /// Adds a picture and the words that ask for its name. The last position's next token is the first of the name.
    pub fn push_query(&self, positions: &mut Vec<Position>, picture: usize) {
        positions.extend((0..self.visual_tokens).map(|part| Position::Visual { picture, part }));
        positions.extend(self.prompt.iter().map(|&token| Position::Token(token)));
    }

    /// Adds an example: a picture, the words, its name and the stop. Gives the positions of the name and its stop.
    pub fn push_example(
        &self,
        positions: &mut Vec<Position>,
        picture: usize,
        name: &[u32],
    ) -> Range<usize> {
        self.push_query(positions, picture);
        let start = positions.len();
        positions.extend(name.iter().map(|&token| Position::Token(token)));
        positions.push(Position::Token(self.stop));
        start..positions.len()
    }
}

/// The tokens of a name, as it stands in a sequence (without the stop).
pub fn name_tokens(tokenizer: &Tokenizer, name: &str) -> Vec<u32> {
    tokenizer.encode(&format!(" {name}"))
}

/// The name in a generated text: without the one space that stands before it.
pub fn name_of(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}
