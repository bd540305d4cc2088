//! What the page is told: an answer with its link, as the worker sends it and as a recording keeps it.

use serde::{Deserialize, Serialize};

use crate::episode::what_if::{Expectation, Outcome, Verdict, worth_trying};
use crate::episode::{Concept, Example, Intervention};
use crate::session::Answer;

/// How far a probability, or a share of the attention, may be from the recorded one. The kernels of two processors add up in other
/// orders; what is seen on the page, whole percents, stays about the same.
pub const TOLERANCE: f64 = 0.02;

/// An answer and its link. `P` is whatever the reader refers to a picture by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply<P> {
    /// The name, as decoded.
    pub name: String,
    /// Whether the model ended the name itself.
    pub finished: bool,
    /// Which concept it names: the one of exactly this name, unless all names together are less likely than not to be what is meant. None
    /// where the model said something else.
    pub concept: Option<usize>,
    /// The tokens of the name.
    pub tokens: Vec<ReplyToken>,
    /// Every concept's name with its probability.
    pub concepts: Vec<NameProbability>,
    /// Every example that the model was shown, in its order, with its share of the attention.
    pub examples: Vec<ExampleShare<P>>,
    /// Times in milliseconds.
    pub milliseconds: ReplyTimes,
    /// Tokens that the decoder wrote a second, the one that ends a name among them; what was copied is none of them.
    pub tokens_per_second: f64,
}

/// A token of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplyToken {
    /// The text it adds.
    pub text: String,
    /// Its probability after everything before it: 1 where the rest of a long name was copied.
    pub probability: f32,
}

/// A concept's name and its probability as the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameProbability {
    /// The name.
    pub name: String,
    /// Of exactly this name, ended.
    pub probability: f64,
}

/// An example and its share of the attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleShare<P> {
    /// Index of the concept whose name stood beside it.
    pub concept: usize,
    /// The picture that stood there, or would have.
    pub picture: P,
    /// Of the attention to all examples; they add up to one.
    pub share: f32,
}

/// Times of an answer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplyTimes {
    /// The query picture through the encoder.
    pub encode: f64,
    /// The query's positions.
    pub prefill: f64,
    /// The answer's tokens.
    pub decode: f64,
    /// The other names' probabilities.
    pub evidence: f64,
}

impl<P: Clone> Reply<P> {
    /// Puts an answer together with the names and examples that were linked. `encode` is the time that the query's picture took.
    pub fn new(answer: &Answer, names: &[String], examples: &[Example<P>], encode: f64) -> Self {
        // A name can be the likeliest thing to write, and unlikely all the same.
        let likely = answer.names.iter().map(|log| log.exp()).sum::<f64>() >= 0.5;
        Self {
            name: answer.name.clone(),
            finished: answer.finished,
            concept: answer.concept.filter(|_| likely),
            tokens: answer
                .tokens
                .iter()
                .map(|token| ReplyToken {
                    text: token.text.clone(),
                    probability: token.probability,
                })
                .collect(),
            concepts: names
                .iter()
                .zip(&answer.names)
                .map(|(name, log)| NameProbability {
                    name: name.clone(),
                    probability: log.exp(),
                })
                .collect(),
            examples: examples
                .iter()
                .zip(&answer.shares)
                .map(|(example, &share)| ExampleShare {
                    concept: example.concept,
                    picture: example.picture.clone(),
                    share,
                })
                .collect(),
            milliseconds: ReplyTimes {
                encode,
                prefill: answer.times.prefill,
                decode: answer.times.decode,
                evidence: answer.times.evidence,
            },
            tokens_per_second: answer.steps as f64 * 1e3 / answer.times.decode.max(1e-3),
        }
    }

    /// The interventions worth a try on the concepts that it was given for; none where it was stopped or cut off.
    pub fn worth_trying<Q: Clone + PartialEq>(&self, concepts: &[Concept<Q>]) -> Vec<Intervention> {
        if self.finished {
            worth_trying(concepts, self.concept)
        } else {
            Vec::new()
        }
    }

    /// The same with pictures referred to in another way; none where one of them is not known there.
    pub fn refer<Q>(self, to: impl Fn(P) -> Option<Q>) -> Option<Reply<Q>> {
        let examples = self.examples.into_iter().map(|example| {
            Some(ExampleShare {
                concept: example.concept,
                picture: to(example.picture)?,
                share: example.share,
            })
        });
        Some(Reply {
            examples: examples.collect::<Option<_>>()?,
            name: self.name,
            finished: self.finished,
            concept: self.concept,
            tokens: self.tokens,
            concepts: self.concepts,
            milliseconds: self.milliseconds,
            tokens_per_second: self.tokens_per_second,
        })
    }

    /// What it says of the concepts.
    pub fn outcome(&self) -> Outcome {
        let probabilities = self.concepts.iter().map(|name| name.probability);
        Outcome {
            concept: self.concept,
            probabilities: probabilities.collect(),
        }
    }
}

/// What an answer after an intervention shows beside the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What the answer had to be.
    pub expectation: Expectation,
    /// Whether it was.
    pub verdict: Verdict,
}

impl Comparison {
    /// Compares two answers to one query, before and after an intervention on the concepts.
    pub fn new<P: Clone + PartialEq>(
        intervention: Intervention,
        concepts: &[Concept<P>],
        before: &Outcome,
        after: &Outcome,
    ) -> Self {
        let expectation = Expectation::of(intervention, concepts, before.concept);
        Self {
            expectation,
            verdict: expectation.verdict(before, after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::AnswerTimes;

    #[test]
    fn an_unlikely_name_is_none_of_them() {
        let concept = |written, probabilities: [f64; 2]| {
            let answer = Answer {
                name: "a".to_owned(),
                finished: true,
                concept: written,
                tokens: Vec::new(),
                names: probabilities.map(f64::ln).into(),
                own_names: Vec::new(),
                shares: Vec::new(),
                steps: 0,
                times: AnswerTimes::default(),
            };
            let names = ["a", "b"].map(str::to_owned);
            Reply::<u32>::new(&answer, &names, &[], 0.0).concept
        };
        assert_eq!(concept(Some(0), [0.6, 0.1]), Some(0));
        // Which of the two is a doubt, that it is one of them is none.
        assert_eq!(concept(Some(0), [0.3, 0.25]), Some(0));
        assert_eq!(concept(Some(0), [0.3, 0.15]), None);
        assert_eq!(concept(None, [0.45, 0.45]), None);
    }
}
