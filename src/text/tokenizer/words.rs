//! The words of a text, within which bytes are merged.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Cuts a text into the words within which bytes are merged; the words together are the text.
///
/// The pre-tokenizer `smollm` of llama.cpp: every numeric character is a word, and each stretch
/// between them is cut, as a text of its own, by GPT-2's expression
///
/// ```text
/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// ```
///
/// Where that expression looks ahead, it therefore sees the end of the text in front of a digit.
pub(super) struct Words<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.rest.chars().next()?;
        let length = match Class::of(first) {
            Class::Numeric => first.len_utf8(),
            Class::Space => {
                let run = run_length(self.rest, Class::Space);
                let (spaces, behind) = self.rest.split_at_checked(run)?;
                let after = behind.chars().next().map(Class::of);
                let last = spaces.chars().next_back().map_or(0, char::len_utf8);
                match after {
                    // `\s+(?!\S)` takes it whole at the end of a stretch ...
                    None | Some(Class::Numeric) => run,
                    // ... and otherwise leaves the last one, which a word behind it takes if it is
                    // a plain space.
                    Some(_) if run > last => run - last,
                    Some(class) if first == ' ' => run + run_length(behind, class),
                    Some(_) => run,
                }
            }
            class => contraction(self.rest).unwrap_or_else(|| run_length(self.rest, class)),
        };
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(word)
    }
}

/// What the cutting of words tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `\p{L}`
    Letter,
    /// `\p{N}`
    Numeric,
    /// `\s`, the Unicode property White_Space
    Space,
    /// Everything else: punctuation, symbols, marks, controls, unassigned
    Other,
}

impl Class {
    fn of(character: char) -> Self {
        use GeneralCategory as Category;
        if character.is_whitespace() {
            return Self::Space;
        }
        // By the same function as `tokenizers`, so that digits new in Unicode are known to both.
        if character.is_numeric() {
            return Self::Numeric;
        }
        match get_general_category(character) {
            Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter => Self::Letter,
            _ => Self::Other,
        }
    }
}

/// How many bytes at the start of a text are of one class.
fn run_length(text: &str, class: Class) -> usize {
    text.find(|character| Class::of(character) != class)
        .unwrap_or(text.len())
}

/// The length of the English contraction that a text starts with. Lower case only, and whatever
/// comes behind it.
fn contraction(text: &str) -> Option<usize> {
    ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
        .iter()
        .find(|ending| text.starts_with(**ending))
        .map(|ending| ending.len())
}
