//! An episode: a few named concepts with their support pictures, and the pictures to be named.
//!
//! Nothing here knows what a picture is. `P` is whatever the caller refers to a picture by: a number
//! in the page, a path in an episode file, an index into cached features in the benchmark.

mod intervention;
pub mod what_if;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub use intervention::Intervention;

/// How many concepts an episode has.
pub const CONCEPTS: RangeInclusive<usize> = 2..=5;

/// The most pictures that a concept has, and the most that are asked about.
pub const PICTURE_LIMIT: usize = 8;

/// The longest name, in Unicode scalar values.
pub const NAME_LIMIT: usize = 64;

/// A support set and what is asked of it: the unit that is shared, tested and taught with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Episode<P> {
    /// The concepts to be told apart, at least two ("ways").
    pub concepts: Vec<Concept<P>>,
    /// The pictures to be named, at least one.
    pub queries: Vec<Query<P>>,
}

/// A name and the pictures that say what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Concept<P> {
    /// The name, exactly as it was typed.
    pub name: String,
    /// The support pictures, at least one ("shots").
    pub pictures: Vec<P>,
}

/// A picture whose concept the model must name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Query<P> {
    /// The picture.
    pub picture: P,
}

/// One support picture with the concept whose name stands beside it in the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<P> {
    /// Index of the concept that gives the name.
    pub concept: usize,
    /// The picture that stood here before any intervention.
    pub picture: P,
    /// Whether the model is shown nothing in the picture's place.
    pub blank: bool,
}

/// What is wrong with an episode. `concept` is an index, from 0; a message counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpisodeError {
    /// Nothing to tell apart.
    #[error("the episode has {count} concepts and needs at least {limit}")]
    TooFewConcepts {
        /// How many there are.
        count: usize,
        /// How many there must be.
        limit: usize,
    },
    /// More to tell apart than an episode holds.
    #[error("the episode has {count} concepts, more than {limit}")]
    TooManyConcepts {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// More pictures of a concept than an episode holds.
    #[error("concept {}, {name:?}, has {count} pictures, more than {limit}", concept + 1)]
    TooManyPictures {
        /// Which one.
        concept: usize,
        /// Its name.
        name: String,
        /// How many pictures it has.
        count: usize,
        /// [`PICTURE_LIMIT`].
        limit: usize,
    },
    /// More pictures to be named than an episode holds.
    #[error("the episode asks about {count} pictures, more than {limit}")]
    TooManyQueries {
        /// How many there are.
        count: usize,
        /// [`PICTURE_LIMIT`].
        limit: usize,
    },
    /// A name with nothing in it but white space.
    #[error("concept {} has no name", concept + 1)]
    EmptyName {
        /// Whose name it is.
        concept: usize,
    },
    /// A name with a control character. A line break would end the name for the model.
    #[error("the name {name:?} of concept {} has a line break or control character", concept + 1)]
    ControlCharacter {
        /// Whose name it is.
        concept: usize,
        /// The name.
        name: String,
    },
    /// A name of more than [`NAME_LIMIT`] characters.
    #[error("the name {name:?} of concept {} has {length} characters, more than {limit}", concept + 1)]
    LongName {
        /// Whose name it is.
        concept: usize,
        /// The name.
        name: String,
        /// Its length in Unicode scalar values.
        length: usize,
        /// [`NAME_LIMIT`].
        limit: usize,
    },
    /// Two concepts with one name, or names that differ only in the white space around them.
    #[error("concepts {} and {} are both called {name:?}", first + 1, concept + 1)]
    DuplicateName {
        /// The later of the two.
        concept: usize,
        /// The earlier of the two.
        first: usize,
        /// The name.
        name: String,
    },
    /// A concept that nothing shows.
    #[error("concept {}, {name:?}, has no picture", concept + 1)]
    NoPicture {
        /// Which one.
        concept: usize,
        /// Its name.
        name: String,
    },
    /// Nothing is asked.
    #[error("the episode has no query picture")]
    NoQuery,
}

impl EpisodeError {
    /// The code under which the page looks up its sentence for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFewConcepts { .. } => "concepts-too-few",
            Self::TooManyConcepts { .. } => "concepts-too-many",
            Self::TooManyPictures { .. } => "pictures-too-many",
            Self::TooManyQueries { .. } => "queries-too-many",
            Self::EmptyName { .. } => "name-empty",
            Self::ControlCharacter { .. } => "name-control-character",
            Self::LongName { .. } => "name-too-long",
            Self::DuplicateName { .. } => "name-duplicate",
            Self::NoPicture { .. } => "concept-without-pictures",
            Self::NoQuery => "query-missing",
        }
    }

    /// Which concept is the matter, where it is one.
    pub fn concept(&self) -> Option<usize> {
        match *self {
            Self::EmptyName { concept }
            | Self::ControlCharacter { concept, .. }
            | Self::LongName { concept, .. }
            | Self::DuplicateName { concept, .. }
            | Self::TooManyPictures { concept, .. }
            | Self::NoPicture { concept, .. } => Some(concept),
            Self::TooFewConcepts { .. }
            | Self::TooManyConcepts { .. }
            | Self::TooManyQueries { .. }
            | Self::NoQuery => None,
        }
    }
}

impl<P> Episode<P> {
    /// Whether the episode can be run: [`validate_concepts`], at least one query, and no more of anything than an episode holds.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in reading order.
    pub fn validate(&self) -> Result<(), EpisodeError> {
        validate_concepts(&self.concepts)?;
        let (count, limit) = (self.concepts.len(), *CONCEPTS.end());
        if count > limit {
            return Err(EpisodeError::TooManyConcepts { count, limit });
        }
        let limit = PICTURE_LIMIT;
        for (concept, Concept { name, pictures }) in self.concepts.iter().enumerate() {
            let count = pictures.len();
            if count > limit {
                let name = name.clone();
                return Err(EpisodeError::TooManyPictures {
                    concept,
                    name,
                    count,
                    limit,
                });
            }
        }
        match self.queries.len() {
            0 => Err(EpisodeError::NoQuery),
            count if count > limit => Err(EpisodeError::TooManyQueries { count, limit }),
            _ => Ok(()),
        }
    }
}

/// Whether the concepts make a support set: two or more, each with a picture and a name of its own. Concepts that were not begun, with
/// neither, do not count as there until two were.
///
/// # Errors
///
/// The first thing that is wrong, in reading order.
pub fn validate_concepts<P>(concepts: &[Concept<P>]) -> Result<(), EpisodeError> {
    let begun =
        |concept: &&Concept<P>| !concept.name.trim().is_empty() || !concept.pictures.is_empty();
    let count = concepts.iter().filter(begun).count();
    let limit = *CONCEPTS.start();
    if count < limit {
        return Err(EpisodeError::TooFewConcepts { count, limit });
    }
    for (concept, Concept { name, pictures }) in concepts.iter().enumerate() {
        let name = name.clone();
        // White space is looked through only here: the model gets the name as it was typed.
        let bare = name.trim();
        if bare.is_empty() {
            return Err(EpisodeError::EmptyName { concept });
        }
        if name
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return Err(EpisodeError::ControlCharacter { concept, name });
        }
        let length = name.chars().count();
        if length > NAME_LIMIT {
            return Err(EpisodeError::LongName {
                concept,
                name,
                length,
                limit: NAME_LIMIT,
            });
        }
        if let Some(first) = concepts
            .iter()
            .take(concept)
            .position(|other| other.name.trim() == bare)
        {
            return Err(EpisodeError::DuplicateName {
                concept,
                first,
                name,
            });
        }
        if pictures.is_empty() {
            return Err(EpisodeError::NoPicture { concept, name });
        }
    }
    Ok(())
}

/// The order in which the model reads the support set: the first picture of every concept, then the
/// second of every concept that has one, and so on.
///
/// So neighbours differ in concept until only one concept has pictures left, and every name is met
/// early. In blocks, one concept's examples would stand all far from the query, another's all near.
pub fn interleave<P: Clone>(concepts: &[Concept<P>]) -> Vec<Example<P>> {
    let rounds = concepts
        .iter()
        .map(|concept| concept.pictures.len())
        .max()
        .unwrap_or(0);
    (0..rounds)
        .flat_map(|round| {
            concepts
                .iter()
                .enumerate()
                .filter_map(move |(concept, Concept { pictures, .. })| {
                    let picture = pictures.get(round)?.clone();
                    Some(Example {
                        concept,
                        picture,
                        blank: false,
                    })
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(name: &str, pictures: &[u32]) -> Concept<u32> {
        Concept {
            name: name.to_owned(),
            pictures: pictures.to_vec(),
        }
    }

    fn episode(names: [&str; 2]) -> Episode<u32> {
        Episode {
            concepts: vec![concept(names[0], &[1, 2]), concept(names[1], &[3])],
            queries: vec![Query { picture: 4 }],
        }
    }

    #[test]
    fn any_script_and_typing_is_a_name() {
        let limit = "é".repeat(NAME_LIMIT);
        for name in [
            "仙人掌刺猬",
            " Cactihog ",
            "O'Brien’s \"pet\", no. 7.",
            "👩‍🚀",
            "a  b",
            &limit,
        ] {
            assert_eq!(episode([name, "other"]).validate(), Ok(()), "{name}");
        }
        // Names are told apart by case and accent.
        assert_eq!(episode(["Mops", "mops"]).validate(), Ok(()));
        assert_eq!(episode(["mös", "mos"]).validate(), Ok(()));
    }

    #[test]
    fn each_fault_has_its_error() {
        let code = |episode: &Episode<u32>| {
            let error = episode.validate().unwrap_err();
            assert!(!error.to_string().is_empty());
            (error.code(), error.concept())
        };
        assert_eq!(code(&episode(["", "b"])), ("name-empty", Some(0)));
        assert_eq!(
            code(&episode(["a", " \t\u{3000}\n"])),
            ("name-empty", Some(1))
        );
        assert_eq!(
            code(&episode(["a", "b\nc"])),
            ("name-control-character", Some(1))
        );
        assert_eq!(
            code(&episode(["a\u{2028}b", "c"])),
            ("name-control-character", Some(0))
        );
        assert_eq!(
            code(&episode(["a\u{7f}", "c"])),
            ("name-control-character", Some(0))
        );
        let long = "é".repeat(NAME_LIMIT + 1);
        assert_eq!(code(&episode(["a", &long])), ("name-too-long", Some(1)));
        assert_eq!(
            code(&episode(["klut", "klut"])),
            ("name-duplicate", Some(1))
        );
        assert_eq!(
            code(&episode(["klut", " klut "])),
            ("name-duplicate", Some(1))
        );

        let mut unseen = episode(["a", "b"]);
        unseen.concepts[1].pictures.clear();
        assert_eq!(code(&unseen), ("concept-without-pictures", Some(1)));
        let mut unasked = episode(["a", "b"]);
        unasked.queries.clear();
        assert_eq!(code(&unasked), ("query-missing", None));
        let mut single = episode(["a", "b"]);
        single.concepts.truncate(1);
        assert_eq!(code(&single), ("concepts-too-few", None));
        let mut untouched = episode(["a", " "]);
        untouched.concepts[1].pictures.clear();
        assert_eq!(code(&untouched), ("concepts-too-few", None));
    }

    #[test]
    fn an_episode_holds_so_much_and_no_more() {
        let pictures: Vec<u32> = (0..).take(PICTURE_LIMIT + 1).collect();
        let concepts = |ways, shots| -> Vec<Concept<u32>> {
            let named = |way: usize| concept(&format!("name {way}"), &pictures[..shots]);
            (0..ways).map(named).collect()
        };
        let check = |ways, shots, queries: usize| {
            let queries = pictures[..queries].iter();
            let queries = queries.map(|&picture| Query { picture }).collect();
            let concepts = concepts(ways, shots);
            let code = |error: EpisodeError| error.code();
            Episode { concepts, queries }.validate().map_err(code)
        };
        let [least, most] = [*CONCEPTS.start(), *CONCEPTS.end()];
        assert_eq!(check(least, 1, 1), Ok(()));
        assert_eq!(check(most, PICTURE_LIMIT, PICTURE_LIMIT), Ok(()));
        assert_eq!(check(least - 1, 1, 1), Err("concepts-too-few"));
        assert_eq!(check(most + 1, 1, 1), Err("concepts-too-many"));
        assert_eq!(check(least, PICTURE_LIMIT + 1, 1), Err("pictures-too-many"));
        assert_eq!(check(least, 1, PICTURE_LIMIT + 1), Err("queries-too-many"));
    }

    #[test]
    fn a_message_counts_from_one_and_quotes_the_name() {
        let error = episode(["klut", "klut"]).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "concepts 1 and 2 are both called \"klut\""
        );
        let error = episode(["a", &"x".repeat(70)]).validate().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("of concept 2 has 70 characters, more than 64")
        );
    }

    #[test]
    fn concepts_take_turns() {
        let examples = interleave(&[
            concept("a", &[10, 11, 12]),
            concept("b", &[20]),
            concept("c", &[30, 31]),
        ]);
        let read = examples.iter().map(|of| (of.concept, of.picture));
        let expected = [(0, 10), (1, 20), (2, 30), (0, 11), (2, 31), (0, 12)];
        assert!(read.eq(expected));
    }

    #[test]
    fn the_file_form_is_plain() {
        let json = r#"{"concepts":[{"name":" Zoé ","pictures":[1,2]},{"name":"b","pictures":[3]}],"queries":[{"picture":4}]}"#;
        let read: Episode<u32> = serde_json::from_str(json).unwrap();
        assert_eq!(read, episode([" Zoé ", "b"]));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(serde_json::from_str::<Episode<u32>>(&json.replace("name", "nome")).is_err());
    }
}
