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

/// Draws one name that is none of `taken`. With `wide`, mostly invented words of one to four syllables, some with capitals, spaces, digits
/// or signs, some of real words, some long, some in other scripts or of signs alone; else syllables only.
pub fn draw(rng: &mut impl Rng, tokenizer: &Tokenizer, wide: bool, taken: &[String]) -> String {
    loop {
        let name = if wide {
            any(rng, tokenizer)
        } else {
            let count = rng.random_range(2..=3);
            syllables(rng, count)
        };
        if !taken.contains(&name) {
            return name;
        }
    }
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
            let (first, last) = SCRIPTS.choose(rng).copied().unwrap_or(('a', 'z'));
            let length = [1, 2, 3, 4, 5, 7, 10][rng.random_range(0..7)];
            (0..length)
                .map(|_| rng.random_range(first..=last))
                .collect()
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
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

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
