//! Invented names of many kinds: accuracy must not hang on how a name is written.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::episode::NAME_LIMIT;

const ONSETS: [&str; 14] = [
    "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v",
];
const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];
const CODAS: [&str; 8] = ["", "k", "l", "m", "n", "r", "s", "t"];
/// Real words, each wrong for nearly any picture.
const WORDS: [&str; 32] = [
    "tuesday", "gravity", "promise", "rhythm", "winter", "answer", "silence", "number", "justice",
    "melody", "distance", "summer", "question", "courage", "minute", "verdict", "history",
    "harvest", "theory", "journey", "balance", "secret", "fortune", "morning", "reason", "whisper",
    "century", "method", "shadow", "victory", "pattern", "thunder",
];
/// The names of the open-ended task of Frozen (Tsimpoukelli et al. 2021, "This is a dax"). Its form is ours, in our template's words.
const FROZEN: [&str; 5] = ["dax", "blicket", "slation", "perpo", "shously"];
const ACCENTED: [&str; 16] = [
    "á", "à", "â", "ä", "ã", "å", "é", "è", "ê", "í", "ñ", "ó", "ö", "ø", "ú", "ü",
];

/// How a name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writing {
    /// Syllables: "kelu", "bodarim". The main figures are of these.
    Syllables,
    /// With capitals: "Kelu", "BODARIM".
    Capitals,
    /// With digits: "kelu-42".
    Digits,
    /// Two words of syllables.
    Words,
    /// A real word that is wrong.
    RealWords,
    /// With accents.
    Accents,
    /// Greek letters.
    Greek,
    /// Cyrillic letters.
    Cyrillic,
    /// Chinese characters.
    Chinese,
    /// Arabic letters.
    Arabic,
    /// Pictures.
    Emoji,
    /// The five names of Frozen's open-ended task.
    Frozen,
}

impl Writing {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Syllables, "syllables"),
        (Self::Capitals, "capitals"),
        (Self::Digits, "digits"),
        (Self::Words, "words"),
        (Self::RealWords, "real-words"),
        (Self::Accents, "accents"),
        (Self::Greek, "greek"),
        (Self::Cyrillic, "cyrillic"),
        (Self::Chinese, "chinese"),
        (Self::Arabic, "arabic"),
        (Self::Emoji, "emoji"),
        (Self::Frozen, "frozen"),
    ];

    /// How many names there are, where they are few.
    pub fn limit(self) -> Option<usize> {
        (self == Self::Frozen).then_some(FROZEN.len())
    }
}

/// A kind of name. Written `greek` or, with a length in characters, `greek-64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameKind {
    /// How it is written.
    pub writing: Writing,
    /// Its length; absent, a short one.
    pub length: Option<usize>,
}

impl NameKind {
    /// Two or three syllables.
    pub const SYLLABLES: Self = Self {
        writing: Writing::Syllables,
        length: None,
    };

    /// Names that differ.
    pub fn draw(self, rng: &mut impl Rng, count: usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(count);
        while names.len() < count {
            let name = match self.length {
                None => self.writing.short(rng),
                Some(length) => self.writing.long(rng, length),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Writing::ALL
            .into_iter()
            .find(|(writing, _)| *writing == self.writing)
            .map_or("", |(_, name)| name);
        match self.length {
            Some(length) => write!(f, "{name}-{length}"),
            None => f.write_str(name),
        }
    }
}

impl FromStr for NameKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let of = |name: &str| {
            let known = Writing::ALL.into_iter().find(|(_, known)| *known == name);
            known.map(|(writing, _)| writing)
        };
        if let Some(writing) = of(text) {
            return Ok(Self {
                writing,
                length: None,
            });
        }
        let (name, length) = text.rsplit_once('-').ok_or(())?;
        let length = length.parse().map_err(|_| ())?;
        if !(1..=NAME_LIMIT).contains(&length) {
            return Err(());
        }
        Ok(Self {
            writing: of(name).ok_or(())?,
            length: Some(length),
        })
    }
}

impl Writing {
    /// One short name.
    fn short(self, rng: &mut impl Rng) -> String {
        match self {
            Self::Syllables => syllables(rng),
            Self::Capitals if rng.random_bool(0.5) => syllables(rng).to_uppercase(),
            Self::Capitals => {
                let name = syllables(rng);
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_uppercase());
                first.into_iter().flatten().chain(letters).collect()
            }
            Self::Digits => format!("{}-{}", syllables(rng), rng.random_range(0..1000)),
            Self::Words => format!("{} {}", syllables(rng), syllables(rng)),
            Self::RealWords => pick(rng, &WORDS).to_owned(),
            Self::Frozen => pick(rng, &FROZEN).to_owned(),
            Self::Accents | Self::Greek | Self::Cyrillic | Self::Arabic => {
                let length = rng.random_range(3..=7);
                self.letters(rng, length)
            }
            Self::Chinese | Self::Emoji => {
                let length = rng.random_range(1..=3);
                self.letters(rng, length)
            }
        }
    }

    /// A name of exactly so many characters: short ones with spaces between, cut where it is full.
    fn long(self, rng: &mut impl Rng, length: usize) -> String {
        let mut name = String::new();
        while name.chars().count() < length {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&self.short(rng));
        }
        let mut name: Vec<char> = name.chars().take(length).collect();
        // A name that ended in a space would be another one.
        while let Some(last) = name.last_mut()
            && *last == ' '
        {
            *last = self.short(rng).chars().next().unwrap_or('a');
        }
        name.into_iter().collect()
    }

    fn letters(self, rng: &mut impl Rng, length: usize) -> String {
        let (first, last) = match self {
            Self::Greek => ('α', 'ω'),
            Self::Cyrillic => ('а', 'я'),
            Self::Arabic => ('ب', 'غ'),
            Self::Chinese => ('一', '龥'),
            Self::Emoji => ('\u{1F400}', '\u{1F4FC}'),
            _ => {
                // Every second letter carries an accent.
                let plain: Vec<String> = (0..length)
                    .map(|at| match at % 2 {
                        0 => pick(rng, &ONSETS).to_owned(),
                        _ => pick(rng, &ACCENTED).to_owned(),
                    })
                    .collect();
                return plain.concat();
            }
        };
        (0..length)
            .map(|_| rng.random_range(first..=last))
            .collect()
    }
}

fn pick<'a>(rng: &mut impl Rng, from: &[&'a str]) -> &'a str {
    from.choose(rng).copied().unwrap_or_default()
}

/// Two or three syllables of a consonant and a vowel, and mostly a consonant at the end.
fn syllables(rng: &mut impl Rng) -> String {
    let mut name = String::new();
    for _ in 0..rng.random_range(2..=3) {
        name.push_str(pick(rng, &ONSETS));
        name.push_str(pick(rng, &VOWELS));
    }
    name.push_str(pick(rng, &CODAS));
    name
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_kind_reads_what_it_writes() {
        for (_, name) in Writing::ALL {
            for text in [name.to_owned(), format!("{name}-64")] {
                assert_eq!(text.parse::<NameKind>().unwrap().to_string(), text);
            }
        }
        for text in ["", "klingon", "greek-", "greek-0", "greek-65", "-3"] {
            assert!(text.parse::<NameKind>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_differ_and_have_their_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (writing, name) in Writing::ALL {
            for length in [None, Some(12), Some(64)] {
                let names = NameKind { writing, length }.draw(&mut rng, 5);
                for (at, one) in names.iter().enumerate() {
                    assert!(!names[..at].contains(one), "{name}: {one}");
                    assert_eq!(one.trim(), one);
                    assert!(length.is_none_or(|length| one.chars().count() == length));
                }
            }
        }
    }
}
