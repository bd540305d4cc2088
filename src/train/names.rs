//! Names for training. The model must copy whatever a visitor types, so the names come in many kinds.

use rand::Rng;
use rand::seq::IndexedRandom as _;

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

/// Draws one name: mostly invented words of one to four syllables, some with capitals, spaces, digits or signs, some of real words,
/// some in other scripts.
pub fn draw(rng: &mut impl Rng, tokenizer: &Tokenizer) -> String {
    let count = rng.random_range(1..=4);
    match rng.random_range(0..20) {
        0 => capitalised(&syllables(rng, count)),
        1 => syllables(rng, count).to_uppercase(),
        2 => format!("{} {}", syllables(rng, 1), syllables(rng, 2)),
        3 => format!("{}-{}", syllables(rng, 1), syllables(rng, 2)),
        4 => format!("{}{}", syllables(rng, 2), rng.random_range(0..100)),
        5 => (0..rng.random_range(1..=8))
            .map(|_| rng.random_range('a'..='z'))
            .collect(),
        6..=8 => vocabulary_word(rng, tokenizer).unwrap_or_else(|| syllables(rng, count)),
        9 => {
            let (first, last) = SCRIPTS.choose(rng).copied().unwrap_or(('a', 'z'));
            (0..rng.random_range(1..=4))
                .map(|_| rng.random_range(first..=last))
                .collect()
        }
        _ => syllables(rng, count),
    }
}

/// Draws `count` names that differ.
pub fn draw_distinct(rng: &mut impl Rng, tokenizer: &Tokenizer, count: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(count);
    while names.len() < count {
        let name = draw(rng, tokenizer);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
