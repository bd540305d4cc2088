//! The log of a run, a line of JSON each: what the trainer writes and the tables of the documentation are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Steps over which a run's closing loss is averaged.
const CLOSING: usize = 50;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// A run began or went on.
    Setting {
        /// What makes it another than others.
        run: String,
    },
    /// A measurement on held-out classes, after a step.
    HeldOut {
        /// Index of the step.
        step: usize,
        /// The source of the classes.
        source: String,
        /// Support pictures a concept, of two.
        shots: usize,
        /// Queries.
        queries: usize,
        /// Share of them that got their exact name.
        exact: f64,
        /// Which of them did, a 1 or a 0 each; nothing in a log of an earlier version. Runs with the same pictures, split and names are asked
        /// the same queries in the same order.
        #[serde(default)]
        right: String,
    },
    /// A step of the optimiser.
    Step {
        /// Its index.
        step: usize,
        /// Mean loss a token, in nats.
        loss: f32,
        /// Learning rate.
        rate: f64,
        /// What the batch was made of.
        of: String,
        /// Whether it was of episodes whose support set must be read.
        linked: bool,
        /// Tokens of the batch.
        tokens: usize,
        /// Time, in seconds.
        seconds: f64,
    },
}

/// A log that cannot be summed up.
#[derive(Debug, Error)]
pub enum LogError {
    /// A line is none of a log of this version.
    #[error("line {number} is no line of a training log of this version: {source}")]
    Line {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is no step in it.
    #[error("the log tells of no step")]
    Empty,
}

/// A run in one line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What makes it another than others, one thing after another.
    pub setting: Vec<String>,
    /// Steps done.
    pub steps: usize,
    /// Tokens of these steps.
    pub tokens: usize,
    /// Time of these steps, in minutes.
    pub minutes: f64,
    /// Mean loss of the last steps on episodes, where there were any.
    pub loss: Option<f32>,
    /// For each source and number of shots, the last measurement.
    pub held_out: BTreeMap<(String, usize), Measurement>,
}

/// Exact names of held-out queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// How many there were.
    pub count: usize,
    /// Of how many queries.
    pub of: usize,
    /// Which of the queries, a 1 or a 0 each; nothing where the log does not tell.
    pub right: String,
}

impl Summary {
    /// Sums a log up. Where a run was cut off and went on from a checkpoint, a step counts as it was done last.
    ///
    /// # Errors
    ///
    /// When a line cannot be read, or there is no step.
    pub fn of(log: &str) -> Result<Self, LogError> {
        let (mut setting, mut steps, mut held_out) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (number, line) in (1..).zip(log.lines()) {
            let line = serde_json::from_str(line);
            match line.map_err(|source| LogError::Line { number, source })? {
                Line::Setting { run } => {
                    // The strategy is one thing, what it draws from another.
                    let things = run.replacen(" of ", ", of ", 1);
                    setting = things.split(", ").map(str::to_owned).collect();
                }
                Line::HeldOut {
                    source,
                    shots,
                    queries,
                    exact,
                    right,
                    ..
                } => {
                    let measurement = Measurement {
                        count: (exact * queries as f64).round() as usize,
                        of: queries,
                        right,
                    };
                    held_out.insert((source, shots), measurement);
                }
                Line::Step {
                    step,
                    loss,
                    linked,
                    tokens,
                    seconds,
                    ..
                } => {
                    steps.insert(step, (seconds, tokens, linked.then_some(loss)));
                }
            }
        }
        let (last, _) = steps.last_key_value().ok_or(LogError::Empty)?;
        let losses = steps.values().rev().filter_map(|(.., loss)| *loss);
        let closing: Vec<f32> = losses.take(CLOSING).collect();
        Ok(Self {
            setting,
            steps: last + 1,
            tokens: steps.values().map(|(_, tokens, _)| tokens).sum(),
            minutes: steps.values().map(|(seconds, ..)| seconds / 60.0).sum(),
            loss: (!closing.is_empty()).then(|| closing.iter().sum::<f32>() / closing.len() as f32),
            held_out,
        })
    }

    /// How many of the held-out queries this run named right and the other wrong, and how many the other way round. Nothing where the logs
    /// do not tell, or the two were not asked the same.
    pub fn beside(&self, other: &Self) -> Option<(usize, usize)> {
        if self.held_out.is_empty() || !self.held_out.keys().eq(other.held_out.keys()) {
            return None;
        }
        let mut cells = self.held_out.values().zip(other.held_out.values());
        cells.try_fold((0, 0), |(better, worse), (ours, theirs)| {
            let told = [ours, theirs].map(|cell| cell.right.len() == cell.of);
            if told != [true; 2] || ours.of != theirs.of {
                return None;
            }
            let only = |one: &Measurement, two: &Measurement| {
                let pairs = one.right.bytes().zip(two.right.bytes());
                pairs.filter(|pair| *pair == (b'1', b'0')).count()
            };
            Some((better + only(ours, theirs), worse + only(theirs, ours)))
        })
    }

    /// What the settings of all runs have in common.
    pub fn common(runs: &[Self]) -> Vec<String> {
        let in_all = |thing: &&String| runs.iter().all(|run| run.setting.contains(thing));
        let first = runs.first().map_or(&[][..], |run| &run.setting);
        first.iter().filter(in_all).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize, loss: f32, linked: bool) -> Line {
        Line::Step {
            step,
            loss,
            rate: 1e-3,
            of: "2-way/1-shot".to_owned(),
            linked,
            tokens: 100,
            seconds: 30.0,
        }
    }

    fn held_out(step: usize, right: &str) -> Line {
        Line::HeldOut {
            step,
            source: "s".to_owned(),
            shots: 4,
            queries: right.len(),
            exact: right.matches('1').count() as f64 / right.len() as f64,
            right: right.to_owned(),
        }
    }

    fn summary(lines: &[Line]) -> Summary {
        let lines = lines
            .iter()
            .map(|line| serde_json::to_string(line).unwrap());
        Summary::of(&lines.collect::<Vec<_>>().join("\n")).unwrap()
    }

    #[test]
    fn a_run_that_went_on_counts_each_step_once() {
        let setting = Line::Setting {
            run: "link of s, seed 1".to_owned(),
        };
        // Cut off after the third step, gone on from the second; the last step is of plain text.
        let lines = [
            setting.clone(),
            step(0, 3.0, true),
            held_out(0, "1100"),
            step(1, 9.0, true),
            step(2, 9.0, true),
            setting,
            step(1, 1.0, true),
            step(2, 7.0, false),
            held_out(2, "0111"),
        ];
        let summary = summary(&lines);
        assert_eq!(
            (&summary.setting[..], summary.steps),
            (&["link", "of s", "seed 1"].map(str::to_owned)[..], 3)
        );
        assert_eq!(
            (summary.tokens, summary.minutes, summary.loss),
            (300, 1.5, Some(2.0))
        );
        let last = Measurement {
            count: 3,
            of: 4,
            right: "0111".to_owned(),
        };
        assert_eq!(
            summary.held_out,
            BTreeMap::from([(("s".to_owned(), 4), last)])
        );
    }

    #[test]
    fn two_runs_are_compared_query_by_query() {
        let run = |right| summary(&[step(0, 3.0, true), held_out(0, right)]);
        let (one, two) = (run("1110"), run("0011"));
        assert_eq!(one.beside(&two), Some((2, 1)));
        assert_eq!(two.beside(&one), Some((1, 2)));
        assert_eq!(one.beside(&one), Some((0, 0)));
        // Not of other queries, nor of none, nor where a log does not tell which.
        assert_eq!(one.beside(&run("11100")), None);
        assert_eq!(one.beside(&summary(&[step(0, 3.0, true)])), None);
        let before = r#"{"step":0,"source":"s","shots":4,"queries":4,"exact":0.75}"#;
        let first = serde_json::to_string(&step(0, 3.0, true)).unwrap();
        let before = Summary::of(&format!("{first}\n{before}")).unwrap();
        assert_eq!(before.held_out.values().next().unwrap().count, 3);
        assert_eq!((one.beside(&before), before.beside(&before)), (None, None));
    }

    #[test]
    fn what_all_runs_have_in_common_is_told_once() {
        let run = |run: &str| {
            let setting = Line::Setting {
                run: run.to_owned(),
            };
            summary(&[setting, step(0, 3.0, true)])
        };
        let runs = [
            run("link of s, seed 1, without blends"),
            run("mix of s, leaning 0.2, seed 1"),
        ];
        assert_eq!(Summary::common(&runs), ["of s", "seed 1"]);
        assert!(Summary::common(&[]).is_empty());
    }

    #[test]
    fn a_run_on_no_episodes_has_no_loss_on_them() {
        let line = serde_json::to_string(&step(0, 3.0, false)).unwrap();
        assert_eq!(Summary::of(&line).unwrap().loss, None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = Summary::of("{\"run\":\"link\"}\n{\"step\":1}").unwrap_err();
        assert!(error.to_string().starts_with("line 2"), "{error}");
        assert!(matches!(Summary::of(""), Err(LogError::Empty)));
    }
}
