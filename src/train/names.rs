//! Names for training. The model must copy whatever a visitor types, so the names come in many kinds.

use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::episode::NAME_LIMIT;
use crate::text::tokenizer::Tokenizer;

const ONSETS: [&str; 30] = [
    "b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "bl",
    "br", "ch", "cl", "dr", "fl", "gr", "kl", "pl", "sh", "st", "tr",
];
const VOWELS: [&str; 12] = [
    "a", "e", "i", "o", "u", "ai", "ou", "ee", "oo", "ia", "y", "au",
];
const CODAS: [&str; 16] = [
    "", "", "", "", "n", "r", "s", "t", "l", "m", "ck", "x", "p", "ng", "b", "d",
];
/// First and last scalar of scripts whose letters a name may be made of.
const SCRIPTS: [(char, char); 9] = [
    ('а', 'я'),
    ('α', 'ω'),
    ('א', 'ת'),
    ('ا', 'ي'),
    ('अ', 'ह'),
    ('あ', 'ん'),
    ('一', '龥'),
    ('가', '힣'),
    ('à', 'ÿ'),
];

/// Share of the episodes whose names are all written in the letters of one of [`SCRIPTS`], and of those whose names begin alike.
const ONE_SCRIPT_SHARE: f64 = 0.15;
const ALIKE_SHARE: f64 = 0.1;

fn syllables(rng: &mut impl Rng, count: usize) -> String {
    let pick = |from: &[&'static str], rng: &mut _| from.choose(rng).copied().unwrap_or_default();
    (0..count)
        .map(|_| [pick(&ONSETS, rng), pick(&VOWELS, rng), pick(&CODAS, rng)].concat())
        .collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A word or two of the vocabulary itself: what a real name looks like to the decoder.
fn vocabulary_word(rng: &mut impl Rng, tokenizer: &Tokenizer) -> Option<String> {
    for _ in 0..64 {
        let id = rng.random_range(0..tokenizer.vocabulary_size()) as u32;
        let text = tokenizer.decode(&[id]);
        let word = text.trim();
        if word.chars().count() > 2 && word.chars().all(char::is_alphabetic) {
            return Some(word.to_owned());
        }
    }
    None
}

/// One to `most` random lower-case letters.
pub fn letters(rng: &mut impl Rng, most: usize) -> String {
    (0..rng.random_range(1..=most))
        .map(|_| rng.random_range('a'..='z'))
        .collect()
}

/// Several words, up to a visitor's longest names.
fn phrase(rng: &mut impl Rng, tokenizer: &Tokenizer) -> String {
    let words: Vec<String> = (0..rng.random_range(2..=6))
        .map(|_| match vocabulary_word(rng, tokenizer) {
            Some(word) if rng.random_bool(0.5) => word,
            _ => syllables(rng, 2),
        })
        .collect();
    words
        .join(" ")
        .chars()
        .take(NAME_LIMIT)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// What the invented names of one episode have in common. Where each is of any kind, their first tokens tell nearly all of them apart, and
/// nothing is learned about names whose first tokens are the same, as are those of most names in a script that the tokenizer cuts into
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// Nothing but that they are syllables.
    Syllables,
    /// Nothing: mostly invented words of one to four syllables, some with capitals, spaces, digits or signs, some of real words, some long,
    /// some in other scripts or of signs alone.
    Any,
    /// Letters of one script, from its first to its last scalar.
    Script(char, char),
    /// The beginning, to which each adds syllables, with a space or without, or a number.
    Alike(String),
}

impl Family {
    /// Chooses one for an episode; `wide`, of all, else of syllables alone.
    pub fn choose(rng: &mut impl Rng, wide: bool) -> Self {
        if !wide {
            return Self::Syllables;
        }
        let kind = rng.random::<f64>();
        if kind < ONE_SCRIPT_SHARE {
            let (first, last) = script(rng);
            Self::Script(first, last)
        } else if kind < ONE_SCRIPT_SHARE + ALIKE_SHARE {
            let count = rng.random_range(1..=2);
            Self::Alike(syllables(rng, count))
        } else {
            Self::Any
        }
    }

    /// Draws one name of the family that is none of `taken`.
    pub fn draw(&self, rng: &mut impl Rng, tokenizer: &Tokenizer, taken: &[String]) -> String {
        loop {
            let name = match self {
                Self::Syllables => {
                    let count = rng.random_range(2..=3);
                    syllables(rng, count)
                }
                Self::Any => any(rng, tokenizer),
                Self::Script(first, last) => written(rng, *first, *last),
                Self::Alike(begin) => {
                    let count = rng.random_range(1..=2);
                    match rng.random_range(0..4) {
                        0 => format!("{begin} {}", syllables(rng, count)),
                        1 => format!("{begin}-{}", rng.random_range(0..100)),
                        _ => format!("{begin}{}", syllables(rng, count)),
                    }
                }
            };
            if !taken.contains(&name) {
                return name;
            }
        }
    }
}

fn script(rng: &mut impl Rng) -> (char, char) {
    SCRIPTS.choose(rng).copied().unwrap_or(('a', 'z'))
}

/// One to ten letters from `first` to `last`.
fn written(rng: &mut impl Rng, first: char, last: char) -> String {
    let length = [1, 2, 3, 4, 5, 7, 10][rng.random_range(0..7)];
    (0..length)
        .map(|_| rng.random_range(first..=last))
        .collect()
}

fn any(rng: &mut impl Rng, tokenizer: &Tokenizer) -> String {
    let count = rng.random_range(1..=4);
    match rng.random_range(0..24) {
        0 => capitalised(&syllables(rng, count)),
        1 => syllables(rng, count).to_uppercase(),
        2 => format!("{} {}", syllables(rng, 1), syllables(rng, 2)),
        3 => format!("{}-{}", syllables(rng, 1), syllables(rng, 2)),
        4 => format!("{}{}", syllables(rng, 2), rng.random_range(0..100)),
        5 => letters(rng, 8),
        6..=8 => vocabulary_word(rng, tokenizer).unwrap_or_else(|| syllables(rng, count)),
        9 | 10 => {
            let (first, last) = script(rng);
            written(rng, first, last)
        }
        11 => phrase(rng, tokenizer),
        12 => (0..rng.random_range(1..=4))
            .map(|_| rng.random_range('\u{1F300}'..='\u{1F64F}'))
            .collect(),
        _ => syllables(rng, count),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_family_is_of_one_script_or_begins_alike() {
        let json = r#"{ "version": 1, "special": 1, "tokens": ["<|im_start|>", "c", "a", "t", "ca", "cat"],
            "merges": ["c a", "ca t"] }"#;
        let tokenizer = Tokenizer::from_json(json).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut scripts = 0;
        let mut alike = 0;
        for _ in 0..400 {
            let family = Family::choose(&mut rng, true);
            let mut names: Vec<String> = Vec::new();
            for _ in 0..5 {
                names.push(family.draw(&mut rng, &tokenizer, &names));
            }
            let distinct: BTreeSet<&String> = names.iter().collect();
            assert_eq!(distinct.len(), 5, "{names:?}");
            match &family {
                Family::Script(first, last) => {
                    scripts += 1;
                    let mut letters = names.iter().flat_map(|name| name.chars());
                    assert!(letters.all(|letter| (*first..=*last).contains(&letter)));
                }
                Family::Alike(begin) => {
                    alike += 1;
                    assert!(names.iter().all(|name| name.starts_with(begin.as_str())));
                }
                Family::Syllables | Family::Any => {}
            }
        }
        // 60 and 40 are expected.
        assert!((30..90).contains(&scripts) && (15..65).contains(&alike));
        assert_eq!(Family::choose(&mut rng, false), Family::Syllables);
    }

    #[test]
    fn letters_are_lower_case_and_not_too_many() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let name = letters(&mut rng, 10);
            assert!((1..=10).contains(&name.len()));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
    }
}
