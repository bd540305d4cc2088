//! The benchmark: does the model bind pictures to names, on classes it was never trained on?
//!
//! Names are invented, so that nothing but the support set can tell them; the controls then show that it did. An answer is decoded
//! greedily through [`Session::answer`], as on the page. [`task`] draws the episodes, [`scoring`] says what is right, [`table`] counts.

pub mod scoring;
pub mod table;
pub mod task;

use std::ops::{ControlFlow, Range};

use thiserror::Error;
use web_time::Instant;

use self::scoring::{exact, highest, prototype, substring};
use self::table::Record;
use self::task::{Cell, Picture, TaskError, Trial, draw, fits};
use crate::features::ClassFeatures;
use crate::picture::Square;
use crate::session::{Features, LinkedExample, Session, SessionError};

/// The grey of a blank picture, in all channels: the encoder's zero.
const GREY: u8 = 127;

/// Why a cell could not be run.
#[derive(Debug, Error)]
pub enum ProtocolError {
    /// The source is too small for it.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The model could not answer.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Classes from which episodes are drawn; both concepts of an episode come from one source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, part of every episode's key.
    pub name: String,
    /// Its classes.
    pub classes: Vec<ClassFeatures>,
    /// Channels of a visual token: the first of a picture's tokens is the mean over the whole picture.
    pub channels: usize,
}

/// Runs the episodes of a cell, one after the other; each goes to `on_record` as it is done.
///
/// # Errors
///
/// When the source is too small for the cell, or the session fails.
pub async fn run(
    session: &mut Session,
    source: &Source,
    cell: Cell,
    seed: u64,
    indices: Range<u64>,
    mut on_record: impl FnMut(&Record),
) -> Result<Vec<Record>, ProtocolError> {
    let classes = source.sizes();
    let size = Square::SIZE;
    let blank = session.encode(&Square {
        size,
        rgb: vec![GREY; size * size * 3],
        animated: false,
    });
    let mut records = Vec::new();
    for index in indices {
        let trial = draw(seed, &source.name, &classes, cell, index)?;
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
        milliseconds,
    })
}

impl Source {
    /// Whether the source has enough for a cell; worth asking before the cells ahead of it are run.
    ///
    /// # Errors
    ///
    /// When it has too few classes, or a class too few pictures.
    pub fn fits(&self, cell: Cell) -> Result<(), TaskError> {
        fits(&self.name, &self.sizes(), cell)
    }

    /// Names and numbers of pictures of the classes.
    fn sizes(&self) -> Vec<(&str, usize)> {
        self.classes
            .iter()
            .map(|class| (class.name.as_str(), class.len()))
            .collect()
    }

    /// A picture's features, `[visual_tokens * channels]`.
    fn values(&self, picture: Picture) -> Vec<f32> {
        let features = self.classes[picture.class].picture(picture.index);
        features.iter().map(|value| value.to_f32()).collect()
    }

    /// The mean over the whole picture, `[channels]`.
    fn mean(&self, picture: Picture) -> Vec<f32> {
        let mut values = self.values(picture);
        values.truncate(self.channels);
        values
    }

    fn file(&self, Picture { class, index }: Picture) -> (String, String) {
        let class = &self.classes[class];
        (class.name.clone(), class.files[index].clone())
    }
}
