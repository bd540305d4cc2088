//! Which pictures under which names, and what is asked: every episode of the benchmark, from a seed and an index.
//!
//! An episode follows from `(seed, source, ways, index)` and the pictures that the source has; the cell then says how much of it is shown
//! and what is changed. So the cells of a source are paired: at more shots an episode keeps its concepts, names, query and pictures and
//! gains pictures, and a control is the uncontrolled episode with one thing changed.

use rand::seq::SliceRandom as _;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::cell::{Cell, Control};
use super::names::NameKind;
use crate::episode::{Example, Intervention};

/// Set before everything that an episode's generator is seeded with. To change what is drawn is to change this.
const DRAWING: &str = "link-context protocol 1";

/// Why an episode cannot be drawn.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TaskError {
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
    #[error("class '{class}' has {pictures} pictures for a support set, and {cell} needs {}", cell.shots)]
    TooFewPictures {
        /// The class.
        class: String,
        /// Those of its pictures that a support set can have.
        pictures: usize,
        /// The cell.
        cell: Cell,
    },
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

/// What a drawing needs to know of a class.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number of pictures.
    pub pictures: usize,
    /// The style of each picture, as a number; empty where styles do not matter.
    pub styles: &'a [usize],
}

impl Outline<'_> {
    fn style(&self, picture: usize) -> Option<usize> {
        self.styles.get(picture).copied()
    }

    /// The most pictures a support set can take, whatever is asked: all but one or, with styles, all but those of the commonest style.
    fn support(&self) -> usize {
        let same = |style: &usize| self.styles.iter().filter(|other| *other == style).count();
        let commonest = self.styles.iter().map(same).max().unwrap_or(0);
        self.pictures.saturating_sub(commonest.max(1))
    }
}

/// Whether a source has enough for a cell: so many classes, and in each a picture more than the support set takes.
///
/// # Errors
///
/// When it has not; every episode of the cell would fail alike.
pub fn fits(origin: &str, classes: &[Outline<'_>], cell: Cell) -> Result<(), TaskError> {
    if classes.len() < cell.ways {
        let (origin, classes) = (origin.to_owned(), classes.len());
        return Err(TaskError::TooFewClasses {
            origin,
            classes,
            cell,
        });
    }
    match classes.iter().find(|class| class.support() < cell.shots) {
        Some(class) => Err(TaskError::TooFewPictures {
            class: class.name.to_owned(),
            pictures: class.support(),
            cell,
        }),
        None => Ok(()),
    }
}

/// Draws an episode. The query's concept goes by turns with the index, so that over any `ways` neighbours every concept is asked for
/// once. Where pictures have styles, no picture of the support set has the query's.
///
/// # Errors
///
/// When the source is too small for the cell.
pub fn draw(
    seed: u64,
    origin: &str,
    classes: &[Outline<'_>],
    cell: Cell,
    index: u64,
) -> Result<Trial, TaskError> {
    fits(origin, classes, cell)?;
    let Cell {
        ways,
        shots,
        control,
        names: kind,
    } = cell;
    let key = format!("{DRAWING}\n{seed}\n{origin}\n{ways}\n{index}");
    let mut rng = ChaCha8Rng::from_seed(Sha256::digest(&key).into());

    let mut order: Vec<(usize, &Outline<'_>)> = classes.iter().enumerate().collect();
    order.shuffle(&mut rng);
    let mut names = NameKind::SYLLABLES.draw(&mut rng, ways);
    let deal = rng.random();
    let asked = (index % ways as u64) as usize;
    let mut examples = Vec::with_capacity(ways * shots);
    let shuffled = order.into_iter().take(ways).map(|(class, outline)| {
        let mut pictures: Vec<usize> = (0..outline.pictures).collect();
        pictures.shuffle(&mut rng);
        let pictures = pictures.into_iter();
        let pictures: Vec<Picture> = pictures.map(|index| Picture { class, index }).collect();
        (outline, pictures)
    });
    let shuffled: Vec<(&Outline<'_>, Vec<Picture>)> = shuffled.collect();
    // The first is kept for a query whether it is asked for or not, so that nothing but the target tells the concepts apart.
    let first = shuffled.get(asked);
    let first = first.and_then(|(outline, pictures)| Some((outline, *pictures.first()?)));
    // `fits` has seen to it that there is one.
    let Some((outline, query)) = first else {
        let (origin, classes) = (origin.to_owned(), classes.len());
        return Err(TaskError::TooFewClasses {
            origin,
            classes,
            cell,
        });
    };
    let style = outline.style(query.index);
    for (concept, (outline, pictures)) in shuffled.iter().enumerate() {
        let other = |(place, picture): &(usize, &Picture)| match style {
            Some(_) => outline.style(picture.index) != style,
            None => *place > 0,
        };
        let support = pictures.iter().enumerate().filter(other).take(shots);
        examples.extend(support.map(|(_, &picture)| Example {
            concept,
            picture,
            blank: false,
        }));
    }
    examples.shuffle(&mut rng);

    if kind != NameKind::SYLLABLES {
        // From a generator of its own: the kinds of name are compared on the same pictures.
        let mut rng = ChaCha8Rng::from_seed(Sha256::digest(format!("{key}\n{kind}")).into());
        names = kind.draw(&mut rng, ways);
    }
    let mut target = asked;
    match control {
        None => {}
        Some(Control::Blank) => Intervention::Blank.apply(ways, &mut examples),
        Some(Control::Shuffle) => Intervention::Shuffle { seed: deal }.apply(ways, &mut examples),
        Some(Control::Drop) => Intervention::Drop { concept: asked }.apply(ways, &mut examples),
        Some(Control::Order) => examples.shuffle(&mut ChaCha8Rng::seed_from_u64(deal)),
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CLASSES: [Outline<'static>; 6] = [
        class("a", 9),
        class("b", 12),
        class("c", 30),
        class("d", 9),
        class("e", 10),
        class("f", 11),
    ];

    const fn class(name: &'static str, pictures: usize) -> Outline<'static> {
        Outline {
            name,
            pictures,
            styles: &[],
        }
    }

    fn cell(text: &str) -> Cell {
        text.parse().unwrap()
    }

    fn trial(text: &str, index: u64) -> Trial {
        draw(1, "source", &CLASSES, cell(text), index).unwrap()
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
            "class 'a' has 8 pictures for a support set, and 2-way/9-shot/swap needs 9"
        );
    }

    #[test]
    fn a_querys_style_is_not_in_the_support_set() {
        let styles: [usize; 8] = [0, 0, 1, 1, 2, 2, 3, 3];
        let classes = ["a", "b", "c"].map(|name| Outline {
            name,
            pictures: styles.len(),
            styles: &styles,
        });
        let draw = |text, index| draw(1, "source", &classes, cell(text), index);
        for index in 0..100 {
            let trial = draw("3-way/6-shot", index).unwrap();
            assert_eq!(trial.examples.len(), 18);
            for example in &trial.examples {
                assert_ne!(styles[example.picture.index], styles[trial.query.index]);
            }
        }
        assert!(draw("3-way/7-shot", 0).is_err());
    }

    #[test]
    fn drop_takes_the_asked_concept_and_order_takes_nothing() {
        for index in 0..50 {
            let plain = trial("3-way/2-shot", index);
            let dropped = trial("3-way/2-shot/drop", index);
            let mut ordered = trial("3-way/2-shot/order", index);
            assert_eq!(dropped.examples.len(), 4);
            assert!(dropped.examples.iter().all(|e| e.concept != plain.target));
            ordered
                .examples
                .sort_by_key(|e| plain.examples.iter().position(|p| p == e));
            assert_eq!(ordered, plain);
        }
    }

    #[test]
    fn a_kind_of_name_changes_the_names_alone() {
        let plain = trial("2-way/2-shot", 3);
        let mut greek = trial("2-way/2-shot/greek", 3);
        assert!(greek.names.iter().all(|name| !name.is_ascii()));
        greek.names.clone_from(&plain.names);
        assert_eq!(plain, greek);
    }
}
