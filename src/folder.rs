//! The protocol on a person's own pictures: a folder with one subfolder a concept, 2-way episodes drawn from it, what came of them.
//!
//! Episodes are drawn and scored as the benchmark's, so that the figures mean the same. Who calls brings the pictures' features and the
//! model's answers: where these come from, a file or a device, is none of its matter.

mod listing;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use crate::protocol::cell::Cell;
use crate::protocol::scoring::{Rate, exact, highest};
use crate::protocol::task::{Outline, Picture, TaskError, Trial, draw};
use crate::session::Answer;
pub use listing::{Listed, ListedConcept, Listing, Skipped};

/// The most concepts that are taken from a folder.
pub const CONCEPT_LIMIT: usize = 20;
/// The most pictures that are taken of a concept: their features stay in memory.
pub const PICTURE_LIMIT: usize = 50;
/// Pictures that count as hard ones, at most.
const HARDEST: usize = 8;
/// The same folder gives the same episodes.
const SEED: u64 = 1;
/// What stands for the folder in the drawing.
const ORIGIN: &str = "folder";

/// Why a folder cannot be tested on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FolderError {
    /// There is nothing to tell apart.
    #[error("{0} subfolders have enough pictures, and two are needed")]
    FewConcepts(usize),
    /// The protocol cannot draw an episode.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl FolderError {
    /// The code under which the page looks up its sentence for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FewConcepts(_) => "folder-concepts-few",
            Self::Task(_) => "internal",
        }
    }
}

/// A picture that could be read.
#[derive(Clone, Debug)]
struct Shown<F> {
    path: String,
    place: usize,
    features: F,
}

/// A run of the protocol on a folder. `F` are a picture's features.
#[derive(Clone, Debug)]
pub struct FolderTest<F> {
    cell: Cell,
    episodes: usize,
    concepts: Vec<(String, Vec<Shown<F>>)>,
    done: Vec<Done>,
}

/// An episode that was answered.
#[derive(Clone, Debug)]
struct Done {
    trial: Trial,
    answer: String,
    /// Index of the name that was given, if it was one of them.
    named: Option<usize>,
    likelier: bool,
    /// Of the right name.
    probability: f64,
}

/// What came of the episodes so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FolderReport {
    /// Ways and shots.
    pub cell: Cell,
    /// Episodes that were answered.
    pub done: usize,
    /// Episodes in all.
    pub episodes: usize,
    /// Exactly the right name, ended by the model itself.
    pub exact: Rate,
    /// The right name is the likelier one.
    pub likelier: Rate,
    /// What is told apart.
    pub concepts: Vec<String>,
    /// How often a picture of the row's concept was given the column's name; the last column is for an answer that is no name.
    pub confusion: Vec<Vec<usize>>,
    /// The pictures that were named wrongly, those with the least probable right name first.
    pub hardest: Vec<Hard>,
}

/// A picture that was named wrongly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hard {
    /// Its place in the list of files.
    pub place: usize,
    /// Its path.
    pub path: String,
    /// Of the times it was asked about, how often it got its name.
    pub right: Rate,
    /// Mean probability of the right name.
    pub probability: f64,
}

impl<F: Clone> FolderTest<F> {
    /// A run of so many episodes at so many pictures a concept, on concepts of these names.
    pub fn new(names: Vec<String>, cell: Cell, episodes: usize) -> Self {
        Self {
            cell,
            episodes,
            concepts: names.into_iter().map(|name| (name, Vec::new())).collect(),
            done: Vec::new(),
        }
    }

    /// Takes a picture of a concept in; `place` is its place in the list of files.
    pub fn push(&mut self, concept: usize, path: String, place: usize, features: F) {
        if let Some((_, pictures)) = self.concepts.get_mut(concept) {
            pictures.push(Shown {
                path,
                place,
                features,
            });
        }
    }

    /// Leaves out the concepts that have not enough pictures, and says which. To be called once all pictures are in.
    ///
    /// # Errors
    ///
    /// When fewer than two concepts are left.
    pub fn begin(&mut self) -> Result<Vec<Skipped>, FolderError> {
        let needed = self.cell.shots + 1;
        let few = |(_, pictures): &(String, Vec<Shown<F>>)| pictures.len() < needed;
        let concepts = std::mem::take(&mut self.concepts);
        let (out, kept): (Vec<_>, Vec<_>) = concepts.into_iter().partition(few);
        self.concepts = kept;
        if self.concepts.len() < self.cell.ways {
            return Err(FolderError::FewConcepts(self.concepts.len()));
        }
        let skip = |(name, pictures): &(String, Vec<Shown<F>>)| {
            let detail = json!({ "count": pictures.len(), "needed": needed });
            Skipped::new("folder-pictures-few", name, detail)
        };
        Ok(out.iter().map(skip).collect())
    }

    /// The next episode; none after the last.
    ///
    /// # Errors
    ///
    /// When the folder is too small, which [`Self::begin`] has said before.
    pub fn next_trial(&self) -> Result<Option<Trial>, FolderError> {
        if self.done.len() == self.episodes {
            return Ok(None);
        }
        let outlines: Vec<Outline<'_>> = self
            .concepts
            .iter()
            .map(|(name, pictures)| Outline {
                name,
                pictures: pictures.len(),
                styles: &[],
            })
            .collect();
        let index = self.done.len() as u64;
        Ok(Some(draw(SEED, ORIGIN, &outlines, self.cell, index)?))
    }

    /// A picture's features; none where the folder has no such picture.
    pub fn features(&self, picture: Picture) -> Option<F> {
        Some(self.shown(picture)?.features.clone())
    }

    /// Takes in what the model answered to an episode.
    pub fn score(&mut self, trial: Trial, answer: &Answer) {
        let said = |name: &usize| exact(&answer.name, answer.finished, &trial.names, *name);
        let log_probability = answer.names.get(trial.target);
        self.done.push(Done {
            answer: answer.name.clone(),
            named: (0..trial.names.len()).find(said),
            likelier: log_probability.is_some() && highest(&answer.names, trial.target),
            probability: log_probability.map_or(0.0, |log| log.exp()),
            trial,
        });
    }

    /// What came of it so far.
    pub fn report(&self) -> FolderReport {
        let right = |done: &Done| done.named == Some(done.trial.target);
        let mut confusion = vec![vec![0; self.concepts.len() + 1]; self.concepts.len()];
        let mut asked: BTreeMap<(usize, usize), Vec<&Done>> = BTreeMap::new();
        for done in &self.done {
            let Picture { class, index } = done.trial.query;
            let named = done.named.and_then(|name| class_of(&done.trial, name));
            let named = named.unwrap_or(self.concepts.len());
            let row = confusion.get_mut(class);
            if let Some(count) = row.and_then(|row| row.get_mut(named)) {
                *count += 1;
            }
            asked.entry((class, index)).or_default().push(done);
        }
        let hard = |(&(class, index), episodes): (&(usize, usize), &Vec<&Done>)| {
            let Shown { path, place, .. } = self.shown(Picture { class, index })?;
            let sum: f64 = episodes.iter().map(|done| done.probability).sum();
            Some(Hard {
                place: *place,
                path: path.clone(),
                right: Rate::new(episodes.iter().map(|done| right(done))),
                probability: sum / episodes.len() as f64,
            })
        };
        let mut hardest: Vec<Hard> = asked.iter().filter_map(hard).collect();
        hardest.retain(|picture| picture.right.count < picture.right.of);
        hardest.sort_by(|one, two| one.probability.total_cmp(&two.probability));
        hardest.truncate(HARDEST);
        FolderReport {
            cell: self.cell,
            done: self.done.len(),
            episodes: self.episodes,
            exact: Rate::new(self.done.iter().map(right)),
            likelier: Rate::new(self.done.iter().map(|done| done.likelier)),
            concepts: self.concepts.iter().map(|(name, _)| name.clone()).collect(),
            confusion,
            hardest,
        }
    }

    /// Every episode as a line of comma-separated values (RFC 4180).
    pub fn csv(&self) -> String {
        const TITLES: [&str; 10] = [
            "episode",
            "concept",
            "picture",
            "other_concept",
            "right_name",
            "other_name",
            "answer",
            "right",
            "probability_of_right_name",
            "support",
        ];
        let titles = line(TITLES.map(str::to_owned));
        let episodes = self.done.iter().filter_map(|done| self.csv_line(done));
        std::iter::once(titles).chain(episodes).collect()
    }

    /// None where the folder has not all of the pictures, which are those of an episode that was drawn from it.
    fn csv_line(&self, done: &Done) -> Option<String> {
        let Trial {
            index,
            names,
            examples,
            query,
            target,
        } = &done.trial;
        let other = examples.iter().find(|example| example.concept != *target);
        let (other_class, other_name) = match other {
            Some(other) => (
                self.name(other.picture)?,
                names.get(other.concept)?.as_str(),
            ),
            None => ("", ""),
        };
        let support = examples.iter().map(|example| {
            let path = &self.shown(example.picture)?.path;
            Some(format!("{path} = {}", names.get(example.concept)?))
        });
        Some(line([
            (index + 1).to_string(),
            self.name(*query)?.to_owned(),
            self.shown(*query)?.path.clone(),
            other_class.to_owned(),
            names.get(*target)?.clone(),
            other_name.to_owned(),
            done.answer.clone(),
            u8::from(done.named == Some(*target)).to_string(),
            format!("{:.4}", done.probability),
            support.collect::<Option<Vec<_>>>()?.join("; "),
        ]))
    }

    fn shown(&self, Picture { class, index }: Picture) -> Option<&Shown<F>> {
        self.concepts.get(class)?.1.get(index)
    }

    fn name(&self, picture: Picture) -> Option<&str> {
        Some(&self.concepts.get(picture.class)?.0)
    }
}

/// The class whose pictures bore a name.
fn class_of(trial: &Trial, name: usize) -> Option<usize> {
    let mut examples = trial.examples.iter();
    let example = examples.find(|example| example.concept == name)?;
    Some(example.picture.class)
}

/// A line of comma-separated values, each in quotes where it must be.
fn line<const N: usize>(values: [String; N]) -> String {
    let quoted = values.map(|value| match value.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    });
    format!("{}\r\n", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::AnswerTimes;

    fn codes(skipped: &[Skipped]) -> Vec<(&str, &str)> {
        skipped
            .iter()
            .map(|skipped| (skipped.code, skipped.subject.as_str()))
            .collect()
    }

    /// Three concepts of four pictures whose features are their places.
    fn filled(shots: usize, episodes: usize) -> FolderTest<usize> {
        let names = ["ant", "bee", "cat"].map(str::to_owned).to_vec();
        let cell = Cell::new(2, shots, None).unwrap();
        let mut test = FolderTest::new(names, cell, episodes);
        for place in 0..12 {
            test.push(
                place / 4,
                format!("{}/{place}.png", place / 4),
                place,
                place,
            );
        }
        test
    }

    fn answer(name: &str, finished: bool, names: Vec<f64>) -> Answer {
        Answer {
            name: name.to_owned(),
            finished,
            concept: None,
            tokens: Vec::new(),
            own_names: names.clone(),
            names,
            shares: Vec::new(),
            steps: 0,
            times: AnswerTimes::default(),
        }
    }

    /// Runs a test to its end on a model that always gives the right name, but for pictures of the second concept.
    fn run(test: &mut FolderTest<usize>) {
        while let Some(trial) = test.next_trial().unwrap() {
            let given = match trial.query.class {
                1 => 1 - trial.target,
                _ => trial.target,
            };
            let mut probabilities = vec![0.2_f64.ln(); 2];
            probabilities[given] = 0.7_f64.ln();
            let answer = answer(&trial.names[given], true, probabilities);
            test.score(trial, &answer);
        }
    }

    #[test]
    fn a_run_counts_what_the_model_said() {
        let mut test = filled(2, 40);
        assert_eq!(test.begin(), Ok(Vec::new()));
        run(&mut test);
        let report = test.report();
        assert_eq!((report.done, report.episodes), (40, 40));
        assert_eq!(report.confusion.iter().flatten().sum::<usize>(), 40);
        let wrong: usize = report.confusion[1].iter().sum();
        assert!(wrong > 0 && report.confusion[1][1] == 0 && report.confusion[1][3] == 0);
        for concept in [0, 2] {
            let row = &report.confusion[concept];
            assert_eq!(row[concept], row.iter().sum::<usize>());
        }
        let expected = Rate {
            count: 40 - wrong,
            of: 40,
        };
        assert_eq!((report.exact, report.likelier), (expected, expected));
        assert!(!report.hardest.is_empty());
        for hard in &report.hardest {
            assert!((4..8).contains(&hard.place) && hard.right.count == 0);
            assert!((hard.probability - 0.2).abs() < 1e-9);
        }
    }

    #[test]
    fn an_answer_that_is_no_name_is_wrong_and_stands_in_the_last_column() {
        let mut test = filled(1, 2);
        test.begin().unwrap();
        for (name, finished) in [("something", true), ("", false)] {
            let trial = test.next_trial().unwrap().unwrap();
            let name = match finished {
                true => name.to_owned(),
                false => trial.names[trial.target].clone(),
            };
            test.score(trial, &answer(&name, finished, vec![-1.0, -1.0]));
        }
        assert_eq!(test.next_trial(), Ok(None));
        let report = test.report();
        assert_eq!(report.exact, Rate { count: 0, of: 2 });
        assert_eq!(report.likelier, Rate { count: 0, of: 2 });
        assert_eq!(report.confusion.iter().map(|row| row[3]).sum::<usize>(), 2);
    }

    #[test]
    fn a_concept_with_too_few_readable_pictures_is_left_out_by_name() {
        let mut test = filled(4, 10);
        assert_eq!(test.begin(), Err(FolderError::FewConcepts(0)));
        let mut test = filled(3, 10);
        test.concepts[1].1.pop();
        let skipped = test.begin().unwrap();
        assert_eq!(codes(&skipped), [("folder-pictures-few", "bee")]);
        assert_eq!(skipped[0].detail, json!({ "count": 3, "needed": 4 }));
        run(&mut test);
        assert_eq!(test.report().concepts, ["ant", "cat"]);
    }

    #[test]
    fn the_csv_has_a_line_an_episode_and_quotes_what_needs_it() {
        let mut test = filled(1, 3);
        test.concepts[0].0 = "ant, \"red\"".to_owned();
        test.begin().unwrap();
        run(&mut test);
        let csv = test.csv();
        let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("episode,concept,picture,"));
        assert!(lines[1].starts_with("1,"));
        assert!(csv.contains("\"ant, \"\"red\"\"\""), "{csv}");
    }
}
