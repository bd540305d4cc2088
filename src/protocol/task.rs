//! Which pictures under which names, and what is asked: every episode of the benchmark, from a seed and an index.
//!
//! An episode follows from `(seed, source, ways, index)` and the pictures that the source has; the cell then says how much of it is shown
//! and what is changed. So the cells of a source are paired: at more shots an episode keeps its concepts, names, query and pictures and
//! gains pictures, and a control is the uncontrolled episode with one thing changed.

use std::fmt;
use std::str::FromStr;

use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::episode::{Example, Intervention};

/// Set before everything that an episode's generator is seeded with. To change what is drawn is to change this.
const DRAWING: &str = "link-context protocol 1";

const ONSETS: [&str; 14] = [
    "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v",
];
const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];
const CODAS: [&str; 8] = ["", "k", "l", "m", "n", "r", "s", "t"];

/// Why an episode cannot be drawn.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TaskError {
    /// The text names no cell.
    #[error("'{0}' is no cell; write 2-way/4-shot, or 2-way/4-shot/blank (or shuffle, or swap)")]
    NoCell(String),
    /// Too few concepts to tell apart, or none shown.
    #[error("a cell needs at least two ways and one shot, not {ways} and {shots}")]
    TooSmall {
        /// Concepts.
        ways: usize,
        /// Pictures a concept.
        shots: usize,
    },
    /// The source has fewer classes than the cell has concepts.
    #[error("'{origin}' has {classes} classes, and {cell} needs {}", cell.ways)]
    TooFewClasses {
        /// The source.
        origin: String,
        /// Its classes.
        classes: usize,
        /// The cell.
        cell: Cell,
    },
    /// A class has too few pictures for a support set and a query that is not in it.
    #[error("class '{class}' has {pictures} pictures, and {cell} needs {}", cell.shots + 1)]
    TooFewPictures {
        /// The class.
        class: String,
        /// Its pictures.
        pictures: usize,
        /// The cell.
        cell: Cell,
    },
}

/// What is changed in the support set, to see whether the answer comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A grey square stands in place of every support picture; the query is as it is. A model that reads the pictures can only guess.
    Blank,
    /// The names are dealt anew among the support pictures, every deal as likely as any other, so that over the episodes a picture's
    /// name says nothing of its concept. A model that reads the names beside the pictures can only guess.
    Shuffle,
    /// Every concept's pictures take the next concept's name. A model that reads them gives the name that now stands there.
    Swap,
}

impl Control {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Blank, "blank"),
        (Self::Shuffle, "shuffle"),
        (Self::Swap, "swap"),
    ];
}

/// A cell of the result table. Written `2-way/4-shot` or, under a control, `2-way/4-shot/swap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Concepts.
    pub ways: usize,
    /// Support pictures a concept.
    pub shots: usize,
    /// What is changed.
    pub control: Option<Control>,
}

impl Cell {
    /// A cell of at least two concepts of at least one picture.
    ///
    /// # Errors
    ///
    /// When it is smaller.
    pub fn new(ways: usize, shots: usize, control: Option<Control>) -> Result<Self, TaskError> {
        if ways < 2 || shots < 1 {
            return Err(TaskError::TooSmall { ways, shots });
        }
        Ok(Self {
            ways,
            shots,
            control,
        })
    }

    /// The same cell with nothing changed.
    pub fn uncontrolled(self) -> Self {
        Self {
            control: None,
            ..self
        }
    }

    /// Every number of shots uncontrolled, then every control.
    ///
    /// # Errors
    ///
    /// When a cell is too small.
    pub fn plan(
        ways: usize,
        shots: &[usize],
        controls_shots: usize,
    ) -> Result<Vec<Self>, TaskError> {
        let controls = Control::ALL.map(|(control, _)| (controls_shots, Some(control)));
        let cells = shots.iter().map(|&shots| (shots, None)).chain(controls);
        cells
            .map(|(shots, control)| Self::new(ways, shots, control))
            .collect()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-way/{}-shot", self.ways, self.shots)?;
        match Control::ALL
            .into_iter()
            .find(|(control, _)| Some(*control) == self.control)
        {
            Some((_, name)) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Cell {
    type Err = TaskError;

    fn from_str(text: &str) -> Result<Self, TaskError> {
        let read = || {
            let mut parts = text.split('/');
            let ways = parts.next()?.strip_suffix("-way")?.parse().ok()?;
            let shots = parts.next()?.strip_suffix("-shot")?.parse().ok()?;
            let control = match parts.next() {
                Some(name) => Some(
                    Control::ALL
                        .into_iter()
                        .find(|(_, known)| *known == name)?
                        .0,
                ),
                None => None,
            };
            parts.next().is_none().then_some((ways, shots, control))
        };
        let (ways, shots, control) = read().ok_or_else(|| TaskError::NoCell(text.to_owned()))?;
        Self::new(ways, shots, control)
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A picture of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Picture {
    /// Index of its class.
    pub class: usize,
    /// Its index in the class.
    pub index: usize,
}

/// One episode of a cell, as the model is to see it, and the right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its index, with which it can be drawn again.
    pub index: u64,
    /// The concepts' names.
    pub names: Vec<String>,
    /// The support set in the order of the prompt, after the control.
    pub examples: Vec<Example<Picture>>,
    /// The picture to be named. It is not in the support set.
    pub query: Picture,
    /// Index of the right name: the one that was drawn for the query's class or, under [`Control::Swap`], the one that its pictures bear.
    pub target: usize,
}

/// Whether a source has enough for a cell: so many classes, and in each a picture more than the support set takes.
///
/// # Errors
///
/// When it has not; every episode of the cell would fail alike.
pub fn fits(origin: &str, classes: &[(&str, usize)], cell: Cell) -> Result<(), TaskError> {
    if classes.len() < cell.ways {
        let (origin, classes) = (origin.to_owned(), classes.len());
        return Err(TaskError::TooFewClasses {
            origin,
            classes,
            cell,
        });
    }
    match classes.iter().find(|(_, pictures)| *pictures <= cell.shots) {
        Some(&(class, pictures)) => Err(TaskError::TooFewPictures {
            class: class.to_owned(),
            pictures,
            cell,
        }),
        None => Ok(()),
    }
}

/// Draws an episode. `classes` are the names and numbers of pictures of the source's classes. The query's concept goes by turns with the
/// index, so that over any `ways` neighbours every concept is asked for once.
///
/// # Errors
///
/// When the source is too small for the cell.
pub fn draw(
    seed: u64,
    origin: &str,
    classes: &[(&str, usize)],
    cell: Cell,
    index: u64,
) -> Result<Trial, TaskError> {
    fits(origin, classes, cell)?;
    let Cell {
        ways,
        shots,
        control,
    } = cell;
    let key = format!("{DRAWING}\n{seed}\n{origin}\n{ways}\n{index}");
    let mut rng = ChaCha8Rng::from_seed(Sha256::digest(key).into());

    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.shuffle(&mut rng);
    let names = names(&mut rng, ways);
    let deal = rng.random();
    let asked = (index % ways as u64) as usize;
    let mut examples = Vec::with_capacity(ways * shots);
    let mut query = Picture {
        class: order[asked],
        index: 0,
    };
    for (concept, &class) in order[..ways].iter().enumerate() {
        let mut pictures: Vec<usize> = (0..classes[class].1).collect();
        pictures.shuffle(&mut rng);
        // The first is kept for a query whether it is asked for or not, so that nothing but the target tells the concepts apart.
        if concept == asked {
            query.index = pictures[0];
        }
        examples.extend(pictures[1..=shots].iter().map(|&index| {
            let picture = Picture { class, index };
            Example {
                concept,
                picture,
                blank: false,
            }
        }));
    }
    examples.shuffle(&mut rng);

    let mut target = asked;
    match control {
        None => {}
        Some(Control::Blank) => Intervention::Blank.apply(ways, &mut examples),
        Some(Control::Shuffle) => Intervention::Shuffle { seed: deal }.apply(ways, &mut examples),
        Some(Control::Swap) => {
            Intervention::Swap.apply(ways, &mut examples);
            target = (asked + 1) % ways;
        }
    }
    Ok(Trial {
        index,
        names,
        examples,
        query,
        target,
    })
}

/// Invented names that differ: two or three syllables of a consonant and a vowel, and mostly a consonant at the end. "kelu", "bodarim".
fn names(rng: &mut impl Rng, count: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(count);
    while names.len() < count {
        let mut name = String::new();
        let mut push = |parts: &[&'static str], rng: &mut _| {
            name.push_str(parts.choose(rng).copied().unwrap_or_default());
        };
        for _ in 0..rng.random_range(2..=3) {
            push(&ONSETS, rng);
            push(&VOWELS, rng);
        }
        push(&CODAS, rng);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CLASSES: [(&str, usize); 6] = [
        ("a", 9),
        ("b", 12),
        ("c", 30),
        ("d", 9),
        ("e", 10),
        ("f", 11),
    ];

    fn cell(text: &str) -> Cell {
        text.parse().unwrap()
    }

    fn trial(text: &str, index: u64) -> Trial {
        draw(1, "source", &CLASSES, cell(text), index).unwrap()
    }

    #[test]
    fn a_cell_reads_what_it_writes() {
        for text in [
            "2-way/1-shot",
            "5-way/8-shot/blank",
            "2-way/2-shot/shuffle",
            "3-way/2-shot/swap",
        ] {
            assert_eq!(cell(text).to_string(), text);
        }
        for text in [
            "",
            "2-way",
            "2way/1-shot",
            "2-way/1-shot/",
            "2-way/1-shot/no",
            "2-way/1-shot/swap/swap",
        ] {
            assert_eq!(
                text.parse::<Cell>(),
                Err(TaskError::NoCell(text.to_owned()))
            );
        }
        assert!(matches!(
            "1-way/1-shot".parse::<Cell>(),
            Err(TaskError::TooSmall { .. })
        ));
        assert!(matches!(
            "2-way/0-shot".parse::<Cell>(),
            Err(TaskError::TooSmall { .. })
        ));
    }

    #[test]
    fn an_index_gives_the_same_episode_and_every_part_of_its_key_another() {
        let list = |seed, origin: &str, text: &str| -> Vec<Trial> {
            (0..200)
                .map(|i| draw(seed, origin, &CLASSES, cell(text), i).unwrap())
                .collect()
        };
        let first = list(1, "source", "2-way/4-shot");
        assert_eq!(first, list(1, "source", "2-way/4-shot"));
        assert_eq!(first[137], trial("2-way/4-shot", 137));
        for other in [
            list(2, "source", "2-way/4-shot"),
            list(1, "other", "2-way/4-shot"),
        ] {
            assert!(first.iter().zip(&other).all(|(a, b)| a.names != b.names));
        }
        let names: HashSet<&[String]> = first.iter().map(|trial| &trial.names[..]).collect();
        assert_eq!(names.len(), first.len());
    }

    /// The first episode, written down: a release of a generator that drew otherwise would change every published figure.
    #[test]
    fn the_drawing_is_pinned() {
        let trial = trial("2-way/2-shot", 0);
        let examples: Vec<_> = trial
            .examples
            .iter()
            .map(|e| (e.concept, e.picture.class, e.picture.index))
            .collect();
        assert_eq!(trial.names, ["natel", "katar"]);
        assert_eq!(examples, [(1, 0, 8), (0, 5, 9), (0, 5, 4), (1, 0, 6)]);
        assert_eq!(
            (trial.query, trial.target),
            (Picture { class: 5, index: 3 }, 0)
        );
    }

    #[test]
    fn queries_are_balanced_and_never_in_the_support_set() {
        for text in [
            "2-way/1-shot",
            "2-way/8-shot",
            "5-way/2-shot",
            "3-way/2-shot/swap",
        ] {
            let cell = cell(text);
            let mut asked = vec![0; cell.ways];
            let mut last = vec![0; cell.ways];
            for index in 0..600 {
                let trial = trial(text, index);
                asked[trial.target] += 1;
                last[trial.examples[trial.examples.len() - 1].concept] += 1;
                let pictures: HashSet<Picture> = trial
                    .examples
                    .iter()
                    .map(|example| example.picture)
                    .collect();
                assert_eq!(pictures.len(), cell.ways * cell.shots);
                assert!(!pictures.contains(&trial.query));
                // The right name stands beside the query's class and nowhere else.
                for example in &trial.examples {
                    let same = example.picture.class == trial.query.class;
                    assert_eq!(example.concept == trial.target, same);
                }
                let names: HashSet<&String> = trial.names.iter().collect();
                assert_eq!(names.len(), cell.ways);
            }
            assert_eq!(asked, vec![600 / cell.ways; cell.ways]);
            let share = 600.0 / cell.ways as f64;
            assert!(
                last.iter()
                    .all(|&n| (f64::from(n) - share).abs() < 4.0 * share.sqrt()),
                "{last:?}"
            );
        }
    }

    #[test]
    fn more_shots_only_add_pictures() {
        for index in 0..50 {
            let (few, many) = (trial("2-way/1-shot", index), trial("2-way/4-shot", index));
            assert_eq!(
                (&few.names, few.query, few.target),
                (&many.names, many.query, many.target)
            );
            assert!(
                few.examples
                    .iter()
                    .all(|example| many.examples.contains(example))
            );
        }
    }

    #[test]
    fn a_control_changes_one_thing() {
        for index in 0..50 {
            let plain = trial("2-way/2-shot", index);
            let blank = trial("2-way/2-shot/blank", index);
            let shuffled = trial("2-way/2-shot/shuffle", index);
            let swapped = trial("2-way/2-shot/swap", index);
            for other in [&blank, &shuffled, &swapped] {
                assert_eq!((&plain.names, plain.query), (&other.names, other.query));
                for (a, b) in plain.examples.iter().zip(&other.examples) {
                    assert_eq!(a.picture, b.picture);
                }
            }
            assert_eq!(
                (plain.target, plain.target),
                (blank.target, shuffled.target)
            );
            assert_eq!(plain.target, 1 - swapped.target);
            for (place, example) in plain.examples.iter().enumerate() {
                assert_eq!(blank.examples[place].concept, example.concept);
                assert!(blank.examples[place].blank);
                assert_eq!(swapped.examples[place].concept, 1 - example.concept);
            }
        }
    }

    #[test]
    fn shuffled_names_say_nothing_of_the_concept() {
        for (text, shots) in [("2-way/1-shot/shuffle", 1), ("2-way/2-shot/shuffle", 2)] {
            // Name by class: of the query's pictures, how often each bears the right name; and the place of the prompt alike.
            let mut right = 0;
            let mut by_place = vec![0; 2 * shots];
            let episodes = 4000;
            for index in 0..episodes {
                let trial = trial(text, index);
                let named = trial
                    .examples
                    .iter()
                    .filter(|e| e.concept == trial.target)
                    .count();
                assert_eq!(named, shots, "both names are equally often there");
                for (place, example) in trial.examples.iter().enumerate() {
                    let mine = example.picture.class == trial.query.class;
                    right += i64::from(mine && example.concept == trial.target);
                    by_place[place] += i64::from(example.concept == trial.target);
                }
            }
            // Half of the query's pictures, within four deviations (the deals of one episode are not independent, so shots do not divide).
            let expected = episodes as f64 * shots as f64 / 2.0;
            let four = 4.0 * shots as f64 * (episodes as f64 / 4.0).sqrt();
            assert!(
                (right as f64 - expected).abs() < four,
                "{text}: {right} of {expected}"
            );
            let half = episodes as f64 / 2.0;
            let four = 4.0 * (episodes as f64 / 4.0).sqrt();
            assert!(
                by_place.iter().all(|&n| (n as f64 - half).abs() < four),
                "{by_place:?}"
            );
        }
    }

    #[test]
    fn a_source_that_is_too_small_is_named() {
        let error = draw(1, "source", &CLASSES, cell("7-way/1-shot"), 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'source' has 6 classes, and 7-way/1-shot needs 7"
        );
        let error = draw(1, "source", &CLASSES, cell("2-way/9-shot/swap"), 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "class 'a' has 9 pictures, and 2-way/9-shot/swap needs 10"
        );
    }

    #[test]
    fn the_plan_is_every_shot_count_and_every_control() {
        let plan: Vec<String> = Cell::plan(2, &[1, 4], 2)
            .unwrap()
            .iter()
            .map(Cell::to_string)
            .collect();
        let expected = [
            "2-way/1-shot",
            "2-way/4-shot",
            "2-way/2-shot/blank",
            "2-way/2-shot/shuffle",
            "2-way/2-shot/swap",
        ];
        assert_eq!(plan, expected);
    }
}
