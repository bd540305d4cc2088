//! The benchmark: does the model bind pictures to names, on classes it was never trained on?
//!
//! Names are invented, so that nothing but the support set can tell them; the controls then show that it did. An answer is decoded
//! greedily through [`Session::answer`], as on the page. [`task`] draws the episodes of a [`cell`], [`isekai`] takes them from a list;
//! [`scoring`] says what is right, [`table`] counts.

pub mod cell;
pub mod isekai;
pub mod markdown;
pub mod names;
pub mod naming;
pub mod plain;
pub mod pools;
pub mod scoring;
pub mod table;
pub mod task;

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use web_time::Instant;

use self::cell::Cell;
use self::scoring::{exact, highest, prototype, substring};
use self::table::Record;
use self::task::{Outline, Picture, TaskError, Trial, draw, fits};
use crate::features::{ClassFeatures, Styles};
use crate::picture::Square;
use crate::session::{Features, LinkedExample, Session, SessionError};

/// Classes from which episodes are drawn; both concepts of an episode come from one source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, part of every episode's key.
    pub name: String,
    /// Its classes.
    pub classes: Vec<ClassFeatures>,
    /// The style of each picture of each class, as a number; a class's list is empty where styles do not matter.
    styles: Vec<Vec<usize>>,
    /// Channels of a visual token: the first of a picture's tokens is the mean over the whole picture.
    pub channels: usize,
}

/// Runs episodes, one after the other; each goes to `on_record` as it is done.
///
/// # Errors
///
/// When the session fails.
pub async fn run(
    session: &mut Session,
    source: &Source,
    trials: Vec<Trial>,
    mut on_record: impl FnMut(&Record),
) -> Result<Vec<Record>, SessionError> {
    let blank = session.encode(&Square::blank());
    let mut records = Vec::new();
    for trial in trials {
        let record = answer(session, source, &blank, trial).await?;
        on_record(&record);
        records.push(record);
    }
    Ok(records)
}

/// Shows the model one episode and scores what it says.
async fn answer(
    session: &mut Session,
    source: &Source,
    blank: &Features,
    trial: Trial,
) -> Result<Record, SessionError> {
    let Trial {
        index,
        names,
        examples,
        query,
        target,
    } = trial;
    let linked: Vec<LinkedExample> = examples
        .iter()
        .map(|example| LinkedExample {
            concept: example.concept,
            features: if example.blank {
                blank.clone()
            } else {
                session.features(source.values(example.picture))
            },
        })
        .collect();
    let query_features = session.features(source.values(query));
    let start = Instant::now();
    session.link(&names, &linked).await?;
    let answer = session
        .answer(&query_features, async |_| ControlFlow::Continue(()))
        .await?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;

    // Under a blank support set there is no picture to be near to.
    let seen = examples.iter().all(|example| !example.blank);
    let support: Vec<(usize, Vec<f32>)> = examples
        .iter()
        .map(|e| (e.concept, source.mean(e.picture)))
        .collect();
    let concepts = support.iter().map(|(concept, _)| *concept);
    let looked = shares_of_concepts(names.len(), concepts.zip(answer.shares.iter().copied()));
    let near = seen.then(|| prototype(names.len(), &support, &source.mean(query)));
    Ok(Record {
        index,
        exact: exact(&answer.name, answer.finished, &names, target),
        substring: substring(&answer.name, &names, target),
        likelier: highest(&answer.names, target),
        prototype: near.map(|scores| highest(&scores, target)),
        examples: examples
            .iter()
            .map(|example| {
                let (class, file) = source.file(example.picture);
                (example.concept, class, file)
            })
            .collect(),
        query: source.file(query),
        names,
        target,
        answer: answer.name,
        finished: answer.finished,
        log_probabilities: answer.names,
        own_log_probabilities: answer.own_names,
        leaning: looked.get(target) > Some(&0.0) && highest(&looked, target),
        shares: answer.shares,
        milliseconds,
    })
}

/// How much of the attention each of `ways` concepts' examples got together, by the concept and the share of each example.
fn shares_of_concepts(ways: usize, examples: impl Iterator<Item = (usize, f32)>) -> Vec<f64> {
    let mut sums = vec![0.0; ways];
    for (concept, share) in examples {
        if let Some(sum) = sums.get_mut(concept) {
            *sum += f64::from(share);
        }
    }
    sums
}

impl Source {
    /// Whether the source has enough for a cell; worth asking before the cells ahead of it are run.
    ///
    /// # Errors
    ///
    /// When it has too few classes, or a class too few pictures.
    pub fn fits(&self, cell: Cell) -> Result<(), TaskError> {
        fits(&self.name, &self.outlines(), cell)
    }

    /// A source of `classes`; with `styled`, a query is asked in a style that its support set does not have.
    pub fn new(name: String, classes: Vec<ClassFeatures>, channels: usize, styled: bool) -> Self {
        let mut known: Vec<String> = Vec::new();
        let mut style = |file: &String| {
            let style = Styles::of(file);
            known
                .iter()
                .position(|one| one == style)
                .unwrap_or_else(|| {
                    known.push(style.to_owned());
                    known.len() - 1
                })
        };
        let styles = classes.iter().map(|class| match styled {
            true => class.files.iter().map(&mut style).collect(),
            false => Vec::new(),
        });
        let styles = styles.collect();
        Self {
            name,
            classes,
            styles,
            channels,
        }
    }

    /// The episodes `indices` of a cell.
    ///
    /// # Errors
    ///
    /// When the source is too small for it.
    pub fn draw(
        &self,
        cell: Cell,
        seed: u64,
        indices: Range<u64>,
    ) -> Result<Vec<Trial>, TaskError> {
        let classes = self.outlines();
        indices
            .map(|index| draw(seed, &self.name, &classes, cell, index))
            .collect()
    }

    /// Where each picture is, by the path of its class and its file's name with a slash between.
    pub fn by_path(&self) -> HashMap<String, Picture> {
        let classes = self.classes.iter().enumerate();
        classes
            .flat_map(|(class, features)| {
                let files = features.files.iter().enumerate();
                files.map(move |(index, file)| {
                    let path = format!("{}/{file}", features.name);
                    (path, Picture { class, index })
                })
            })
            .collect()
    }

    fn outlines(&self) -> Vec<Outline<'_>> {
        let classes = self.classes.iter().zip(&self.styles);
        classes
            .map(|(class, styles)| Outline {
                name: &class.name,
                pictures: class.len(),
                styles,
            })
            .collect()
    }

    /// A picture's class.
    #[expect(
        clippy::indexing_slicing,
        reason = "a picture is one that this very source gave, drawn or by its path"
    )]
    fn class(&self, picture: Picture) -> &ClassFeatures {
        &self.classes[picture.class]
    }

    /// A picture's features, `[parts * channels]`.
    fn values(&self, picture: Picture) -> Vec<f32> {
        let features = self.class(picture).picture(picture.index);
        features.iter().map(|value| value.to_f32()).collect()
    }

    /// The mean over the whole picture, `[channels]`.
    fn mean(&self, picture: Picture) -> Vec<f32> {
        let mut values = self.values(picture);
        values.truncate(self.channels);
        values
    }

    #[expect(clippy::indexing_slicing, reason = "as in `class`")]
    fn file(&self, picture: Picture) -> (String, String) {
        let class = self.class(picture);
        (class.name.clone(), class.files[picture.index].clone())
    }
}
