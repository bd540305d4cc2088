//! Recorded episodes: what the model answered to the page's ready episodes, so that the page shows them before any model is loaded.
//!
//! A recording is made by the same session as any answer, and holds what the worker would have sent. It is checked by making it again.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use web_time::Instant;

use crate::episode::{Concept, Example, Intervention, interleave};
use crate::model::Parameters;
use crate::picture::{PictureError, Square};
use crate::reply::{Comparison, Reply, TOLERANCE};
use crate::session::{Features, LinkReport, LinkedExample, Session, SessionError};
use crate::share::{Evidence, LinkCost, Said, SharedEpisode, SharedPicture};
use crate::text::tokenizer::{Tokenizer, TokenizerError};
use crate::weights::pack::{Adapters, OpenPack, PackError, sha256};
use crate::weights::quant::QuantError;

/// Why an episode could not be recorded.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A file could not be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list of ready episodes, or a recording, has another form.
    #[error("{path}: {source}")]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A picture could not be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The pack is not whole.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A tensor of the pack is not whole.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// The pack's tokenizer is of another form.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A ready episode, as far as the model is asked about it.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Its name among the others.
    pub id: String,
    /// Concepts with the paths of their pictures.
    pub concepts: Vec<Concept<String>>,
    /// What is asked.
    pub queries: Vec<EntryQuery>,
}

/// A picture to be named, of a ready episode.
#[derive(Clone, Debug, Deserialize)]
pub struct EntryQuery {
    /// Its path.
    pub file: String,
    /// The index of the concept that it shows.
    pub answer: usize,
}

/// What the model answered to each query of a ready episode. Pictures are numbered through the concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// SHA-256 of the manifest of the pack that answered.
    pub pack: String,
    /// For every query.
    pub queries: Vec<Recorded>,
}

/// An answer and those under the interventions worth a try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The answer.
    pub answer: Reply<usize>,
    /// What the support set took.
    pub link: LinkCost,
    /// What became of it.
    pub what_ifs: Vec<WhatIf>,
}

/// The answer under an intervention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// Which.
    pub intervention: Intervention,
    /// The answer.
    pub answer: Reply<usize>,
    /// What it shows.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// A session on the pack in a folder, and the hash of its manifest.
///
/// # Errors
///
/// When a file of the pack is missing or damaged.
pub fn open(pack: &Path) -> Result<(Session, String), RecordError> {
    let pack = OpenPack::read(pack, Adapters::Beside)?;
    let mut parameters = Parameters::new(&Device::flex()).for_kernels();
    for (name, tensor) in pack.tensors {
        parameters.insert_encoded(name, tensor)?;
    }
    let tokenizer = Tokenizer::from_json(pack.tokenizer)?;
    let session = Session::new(&pack.manifest.config, parameters, tokenizer)?;
    Ok((session, sha256(&pack.manifest_json)))
}

/// The ready episodes of a folder.
///
/// # Errors
///
/// When its list cannot be read.
pub fn entries(gallery: &Path) -> Result<Vec<Entry>, RecordError> {
    read_json(&gallery.join("gallery.json"))
}

impl Recording {
    /// Reads one that was kept.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        read_json(path)
    }

    /// Asks the model all of an episode. `pack` is the hash to be noted.
    ///
    /// # Errors
    ///
    /// When a picture cannot be read, or the model fails.
    pub async fn make(
        session: &mut Session,
        pack: &str,
        gallery: &Path,
        entry: &Entry,
    ) -> Result<Self, RecordError> {
        let mut support = Vec::new();
        let start = Instant::now();
        let mut numbered = Vec::new();
        for Concept { name, pictures } in &entry.concepts {
            let first = support.len();
            for file in pictures {
                support.push(encode(session, gallery, file)?);
            }
            numbered.push(Concept {
                name: name.clone(),
                pictures: (first..support.len()).collect(),
            });
        }
        let encode_milliseconds = since(start);
        let asked = entry.queries.iter().map(|query| {
            let start = Instant::now();
            Ok((encode(session, gallery, &query.file)?, since(start)))
        });
        let asked: Vec<(Features, f64)> = asked.collect::<Result<_, RecordError>>()?;
        let blank = session.encode(&Square::blank());
        let mut model = Model {
            session,
            concepts: numbered,
            support,
            blank,
        };

        let report = model.link(None).await?;
        let mut queries = Vec::new();
        for query in &asked {
            let answer = model.answer(query, None).await?;
            queries.push(Recorded {
                answer,
                link: LinkCost {
                    tokens: report.tokens,
                    milliseconds: short(report.milliseconds),
                    encode_milliseconds: short(encode_milliseconds),
                },
                what_ifs: Vec::new(),
            });
        }
        // Each intervention is linked once for all queries that it is for.
        let tried = |recorded: &Recorded| recorded.answer.worth_trying(&model.concepts);
        let plans: Vec<Vec<Intervention>> = queries.iter().map(tried).collect();
        let mut all: Vec<Intervention> = Vec::new();
        for intervention in plans.iter().flatten() {
            if !all.contains(intervention) {
                all.push(*intervention);
            }
        }
        for intervention in all {
            model.link(Some(intervention)).await?;
            for ((query, plan), recorded) in asked.iter().zip(&plans).zip(&mut queries) {
                if !plan.contains(&intervention) {
                    continue;
                }
                let answer = model.answer(query, Some(intervention)).await?;
                let (before, after) = (recorded.answer.outcome(), answer.outcome());
                recorded.what_ifs.push(WhatIf {
                    intervention,
                    comparison: Comparison::new(intervention, &model.concepts, &before, &after),
                    answer,
                });
            }
        }
        for (plan, recorded) in plans.iter().zip(&mut queries) {
            let place = |what_if: &WhatIf| plan.iter().position(|of| *of == what_if.intervention);
            recorded.what_ifs.sort_by_key(place);
        }
        Ok(Self {
            pack: pack.to_owned(),
            queries,
        })
    }

    /// The episode with its recorded answers, as it is shared.
    ///
    /// # Errors
    ///
    /// When a picture cannot be read.
    pub fn shared(&self, gallery: &Path, entry: &Entry) -> Result<SharedEpisode, RecordError> {
        let concepts = entry.concepts.iter().map(|concept| &concept.pictures);
        let files = concepts.flatten();
        let files = files.chain(entry.queries.iter().map(|query| &query.file));
        let pictures = files.map(|file| {
            let square = Square::decode(file, &read(&gallery.join(file))?)?;
            let name = file.rsplit('/').next().unwrap_or(file).to_owned();
            Ok(SharedPicture { name, square })
        });
        let pictures: Vec<SharedPicture> = pictures.collect::<Result<_, RecordError>>()?;
        let mut next = 0..pictures.len();
        let concepts = entry
            .concepts
            .iter()
            .map(|Concept { name, pictures }| Concept {
                name: name.clone(),
                pictures: next.by_ref().take(pictures.len()).collect(),
            });
        let concepts = concepts.collect();
        let answers = self.queries.iter().map(|recorded| {
            Some(Said {
                name: recorded.answer.name.clone(),
                evidence: Some(Evidence {
                    answer: recorded.answer.clone(),
                    link: recorded.link,
                }),
            })
        });
        Ok(SharedEpisode {
            concepts,
            queries: next.collect(),
            asked: 0,
            pictures,
            pack: Some(self.pack.clone()),
            answers: answers.collect(),
        })
    }

    /// What another recording of the same episode says otherwise, times left out: one line each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.queries.len() != other.queries.len() {
            found.push("another number of queries".to_owned());
        }
        for (query, (one, two)) in self.queries.iter().zip(&other.queries).enumerate() {
            compare(
                &one.answer,
                &two.answer,
                &format!("query {query}"),
                &mut found,
            );
            if one.what_ifs.len() != two.what_ifs.len() {
                found.push(format!("query {query}: other interventions"));
            }
            for (one, two) in one.what_ifs.iter().zip(&two.what_ifs) {
                let place = format!("query {query}, {:?}", one.intervention);
                compare(&one.answer, &two.answer, &place, &mut found);
                let (one, two) = (
                    (one.intervention, one.comparison),
                    (two.intervention, two.comparison),
                );
                if one != two {
                    found.push(format!("{place}: {one:?} is now {two:?}"));
                }
            }
        }
        found
    }
}

/// A session with an episode.
struct Model<'a> {
    session: &'a mut Session,
    concepts: Vec<Concept<usize>>,
    support: Vec<Features>,
    blank: Features,
}

impl Model<'_> {
    #[expect(
        clippy::indexing_slicing,
        reason = "`Recording::make` numbers the pictures by their places in `support`"
    )]
    async fn link(
        &mut self,
        intervention: Option<Intervention>,
    ) -> Result<LinkReport, SessionError> {
        let examples = self.examples(intervention);
        let linked: Vec<LinkedExample> = examples
            .iter()
            .map(|example| LinkedExample {
                concept: example.concept,
                features: if example.blank {
                    self.blank.clone()
                } else {
                    self.support[example.picture].clone()
                },
            })
            .collect();
        self.session.link(&self.names(), &linked).await
    }

    async fn answer(
        &mut self,
        (query, encode): &(Features, f64),
        intervention: Option<Intervention>,
    ) -> Result<Reply<usize>, SessionError> {
        let answer = self
            .session
            .answer(query, async |_| ControlFlow::Continue(()))
            .await?;
        let examples = self.examples(intervention);
        let mut reply = Reply::new(&answer, &self.names(), &examples, *encode);
        shorten(&mut reply);
        Ok(reply)
    }

    fn examples(&self, intervention: Option<Intervention>) -> Vec<Example<usize>> {
        let mut examples = interleave(&self.concepts);
        if let Some(intervention) = intervention {
            intervention.apply(self.concepts.len(), &mut examples);
        }
        examples
    }

    fn names(&self) -> Vec<String> {
        let names = self.concepts.iter().map(|concept| concept.name.clone());
        names.collect()
    }
}

fn encode(session: &Session, gallery: &Path, file: &str) -> Result<Features, RecordError> {
    let square = Square::decode(file, &read(&gallery.join(file))?)?;
    Ok(session.encode(&square))
}

fn compare(one: &Reply<usize>, two: &Reply<usize>, place: &str, found: &mut Vec<String>) {
    let said = |reply: &Reply<usize>| (reply.name.clone(), reply.finished, reply.concept);
    let (before, after) = (said(one), said(two));
    if before != after {
        found.push(format!("{place}: the answer {before:?} is now {after:?}"));
    }
    let numbers = |reply: &Reply<usize>| -> Vec<f64> {
        let names = reply.concepts.iter().map(|name| name.probability);
        let shares = reply
            .examples
            .iter()
            .map(|example| f64::from(example.share));
        names.chain(shares).collect()
    };
    let (before, after) = (numbers(one), numbers(two));
    let near = |(one, two): (&f64, &f64)| (one - two).abs() <= TOLERANCE;
    if before.len() != after.len() || !before.iter().zip(&after).all(near) {
        found.push(format!("{place}: {before:?} is now {after:?}"));
    }
}

/// Four digits say all that the page shows, in a third of the bytes.
fn shorten(reply: &mut Reply<usize>) {
    let single = |value: &mut f32| *value = short(f64::from(*value)) as f32;
    reply
        .tokens
        .iter_mut()
        .for_each(|token| single(&mut token.probability));
    reply
        .examples
        .iter_mut()
        .for_each(|example| single(&mut example.share));
    for name in &mut reply.concepts {
        name.probability = short(name.probability);
    }
    let times = &mut reply.milliseconds;
    for time in [
        &mut times.encode,
        &mut times.prefill,
        &mut times.decode,
        &mut times.evidence,
        &mut reply.tokens_per_second,
    ] {
        *time = short(*time);
    }
}

/// A number to four significant digits.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn read(path: &Path) -> Result<Vec<u8>, RecordError> {
    fs::read(path).map_err(|source| RecordError::File {
        path: path.to_owned(),
        source,
    })
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, RecordError> {
    serde_json::from_slice(&read(path)?).map_err(|source| RecordError::Form {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::what_if::Verdict;

    fn recording() -> Recording {
        serde_json::from_str(
            r#"{"pack":"p","queries":[{"answer":{"name":"a","finished":true,"concept":0,"tokens":[],
            "concepts":[{"name":"a","probability":0.9},{"name":"b","probability":0.1}],
            "examples":[{"concept":0,"picture":0,"share":0.5},{"concept":1,"picture":1,"share":0.5}],
            "milliseconds":{"encode":1,"prefill":1,"decode":1,"evidence":1},"tokens_per_second":1},
            "link":{"tokens":9,"milliseconds":1,"encode_milliseconds":1},"what_ifs":[]}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn only_what_an_answer_says_makes_a_difference() {
        let kept = recording();
        let mut again = recording();
        again.pack = "q".into();
        again.queries[0].answer.milliseconds.decode = 7.0;
        again.queries[0].answer.concepts[0].probability = 0.915;
        assert_eq!(kept.differences(&again), [""; 0]);
        again.queries[0].answer.concepts[0].probability = 0.87;
        assert_eq!(kept.differences(&again).len(), 1);
        again.queries[0].answer.name = "b".into();
        assert_eq!(kept.differences(&again).len(), 2);
        again.queries.clear();
        assert_eq!(kept.differences(&again), ["another number of queries"]);
    }

    #[test]
    fn every_answer_under_an_intervention_counts() {
        let kinds = [
            Intervention::Swap,
            Intervention::Shuffle { seed: 1 },
            Intervention::Blank,
            Intervention::Drop { concept: 0 },
            Intervention::Reverse,
            Intervention::Fewer { shots: 1 },
        ];
        let mut kept = recording();
        let answer = kept.queries[0].answer.clone();
        let concepts = [("a", 0), ("b", 1)].map(|(name, picture)| Concept {
            name: name.to_owned(),
            pictures: vec![picture],
        });
        kept.queries[0].what_ifs = kinds
            .map(|intervention| WhatIf {
                intervention,
                comparison: Comparison::new(
                    intervention,
                    &concepts,
                    &answer.outcome(),
                    &answer.outcome(),
                ),
                answer: answer.clone(),
            })
            .into();
        assert_eq!(kept.differences(&kept), [""; 0]);
        for (place, kind) in kinds.iter().enumerate() {
            let changes: [fn(&mut WhatIf); 5] = [
                |what_if| what_if.answer.name = "b".into(),
                |what_if| what_if.answer.concept = None,
                |what_if| what_if.answer.concepts[1].probability += 0.05,
                |what_if| what_if.answer.examples[0].share -= 0.05,
                |what_if| what_if.comparison.verdict = Verdict::Open,
            ];
            for change in changes {
                let mut again = kept.clone();
                change(&mut again.queries[0].what_ifs[place]);
                let found = kept.differences(&again);
                assert_eq!(found.len(), 1, "{found:?}");
                assert!(found[0].contains(&format!("{kind:?}")), "{found:?}");
            }
        }
        let mut again = kept.clone();
        again.queries[0].what_ifs.pop();
        assert_eq!(kept.differences(&again), ["query 0: other interventions"]);
    }

    #[test]
    fn four_digits_stay() {
        assert_eq!(short(0.123_456), 0.1235);
        assert_eq!(short(1234.56), 1235.0);
        assert_eq!(short(3.000_04e-9), 3e-9);
        assert_eq!(short(0.0), 0.0);
    }
}
