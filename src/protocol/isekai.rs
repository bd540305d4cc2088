//! Lists of episodes in the form of the paper's ISEKAI sets, for whoever has the pictures.
//!
//! The files (`ISEKAI-10.json`, `ISEKAI-pair.json`) hold an object a line: a query, the pictures of the concept that is right or wrong for
//! it, and the two names. The released code shows the first k of each list; the paper counts both, so its "2-shot" is one of each.

use std::collections::HashMap;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::task::{Picture, Trial};
use crate::episode::Example;

/// Why a list cannot be run.
#[derive(Debug, Error)]
pub enum IsekaiError {
    /// A line is of another form.
    #[error("line {line} of the list: {source}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// The right name is neither of the two.
    #[error(
        "line {line} of the list: the label '{label}' is neither '{positive}' nor '{negative}'"
    )]
    Label {
        /// Which, from 1.
        line: usize,
        /// The label.
        label: String,
        /// One name.
        positive: String,
        /// The other.
        negative: String,
    },
    /// A picture is not there.
    #[error("line {line} of the list names '{picture}', which is not among the pictures")]
    Picture {
        /// Which line, from 1.
        line: usize,
        /// Which picture.
        picture: String,
    },
    /// Too few pictures are listed.
    #[error("line {line} of the list has fewer than {shots} pictures of a concept")]
    TooFew {
        /// Which line, from 1.
        line: usize,
        /// Pictures wanted of each.
        shots: usize,
    },
}

/// One line ("promt" is how the published files spell it).
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    /// The query.
    pub image_name: String,
    /// Pictures of one concept.
    pub positive_list: Vec<String>,
    /// Pictures of the other.
    pub negative_list: Vec<String>,
    /// Name of the one.
    pub positive_promt: String,
    /// Name of the other.
    pub negative_promt: String,
    /// Name of the query's concept.
    pub label_name: String,
}

/// Reads a list.
///
/// # Errors
///
/// When a line is of another form.
pub fn parse(text: &str) -> Result<Vec<Item>, IsekaiError> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|source| IsekaiError::Line {
                line: at + 1,
                source,
            })
        })
        .collect()
}

impl Item {
    /// Every picture it names.
    pub fn pictures(&self) -> impl Iterator<Item = &String> {
        let lists = self.positive_list.iter().chain(&self.negative_list);
        lists.chain([&self.image_name])
    }

    /// The episode of line `index` (from 0) with the first `shots` pictures of each concept, in an order that follows from the seed.
    ///
    /// # Errors
    ///
    /// When it lists too few pictures, or one that `known` does not have.
    pub fn trial(
        &self,
        seed: u64,
        index: u64,
        shots: usize,
        known: &HashMap<String, Picture>,
    ) -> Result<Trial, IsekaiError> {
        let line = index as usize + 1;
        let picture = |name: &String| {
            let found = known.get(name).copied();
            found.ok_or_else(|| IsekaiError::Picture {
                line,
                picture: name.clone(),
            })
        };
        let names = vec![self.positive_promt.clone(), self.negative_promt.clone()];
        let target = names.iter().position(|name| *name == self.label_name);
        let target = target.ok_or_else(|| IsekaiError::Label {
            line,
            label: self.label_name.clone(),
            positive: self.positive_promt.clone(),
            negative: self.negative_promt.clone(),
        })?;
        let mut examples = Vec::with_capacity(2 * shots);
        for (concept, list) in [&self.positive_list, &self.negative_list]
            .into_iter()
            .enumerate()
        {
            let shown = list.get(..shots);
            for name in shown.ok_or(IsekaiError::TooFew { line, shots })? {
                examples.push(Example {
                    concept,
                    picture: picture(name)?,
                    blank: false,
                });
            }
        }
        let key = format!("link-context isekai 1\n{seed}\n{index}\n{shots}");
        examples.shuffle(&mut ChaCha8Rng::from_seed(Sha256::digest(key).into()));
        Ok(Trial {
            index,
            names,
            examples,
            query: picture(&self.image_name)?,
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"image_name": "q.png", "positive_list": ["p1.png", "p2.png"], "negative_list": ["n1.png", "n2.png"], "positive_promt": "icemic", "negative_promt": "ice cream", "label_name": "ice cream"}
"#;

    fn known() -> HashMap<String, Picture> {
        let names = ["p1.png", "p2.png", "n1.png", "n2.png", "q.png"];
        let picture =
            |(index, name): (usize, &&str)| (name.to_string(), Picture { class: 0, index });
        names.iter().enumerate().map(picture).collect()
    }

    #[test]
    fn a_line_becomes_an_episode() {
        let [item] = &parse(LIST).unwrap()[..] else {
            panic!("one line");
        };
        let trial = item.trial(1, 0, 1, &known()).unwrap();
        assert_eq!(trial.names, ["icemic", "ice cream"]);
        assert_eq!((trial.target, trial.query.index), (1, 4));
        let mut shown: Vec<(usize, usize)> = trial
            .examples
            .iter()
            .map(|e| (e.concept, e.picture.index))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown, [(0, 0), (1, 2)]);
        assert_eq!(item.pictures().count(), 5);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let item = &parse(LIST).unwrap()[0];
        let error =
            |item: &Item, shots, known: &_| item.trial(1, 0, shots, known).unwrap_err().to_string();
        assert!(error(item, 3, &known()).contains("fewer than 3"));
        assert!(error(item, 2, &HashMap::new()).contains("'p1.png'"));
        let mut other = item.clone();
        other.label_name = "snow".to_owned();
        assert!(error(&other, 1, &known()).contains("'snow' is neither"));
        assert!(
            parse("\n{}")
                .unwrap_err()
                .to_string()
                .starts_with("line 2 ")
        );
    }
}
