//! A loaded model on a device: links a support set once, then answers many queries.
//!
//! The support set is prefilled into the key/value cache and stays there. A query is written after it and cut off again, which costs
//! nothing, so that a second query pays for its own positions alone.

mod forced;
pub(crate) mod pool;
mod step;

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use thiserror::Error;
use web_time::Instant;

use self::pool::Endings;
use crate::model::connector::Seen;
use crate::model::decoder::{Decoder, KeyValueCache};
use crate::model::{LinkContextModel, ModelConfig, ParameterError, Parameters};
use crate::picture::Square;
use crate::text::template::{Position, Template, TemplateError, name_of, name_tokens};
use crate::text::tokenizer::{StreamDecoder, Tokenizer};

/// Positions of the cache: support set, query and answer together. Five concepts of eight pictures need about 600.
pub const CAPACITY: usize = 1024;
/// Tokens an answer may have beyond the longest name of the support set before it is cut off.
const ANSWER_MARGIN: usize = 8;
/// Tokens that an answer may have after an empty support set.
const UNLINKED_ANSWER: usize = 24;

/// Why a session could not do what it was asked.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The weights do not fit the model.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The tokenizer does not fit the template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The support set and query are longer than the cache.
    #[error("the pictures and names take {tokens} positions of {limit}; remove some pictures")]
    TooLong {
        /// Positions needed.
        tokens: usize,
        /// Positions there are.
        limit: usize,
    },
    /// An example is of a concept that has no name.
    #[error("an example is of concept {concept}, of which there is no name")]
    NoName {
        /// Index of the concept.
        concept: usize,
    },
    /// A query came before any support set.
    #[error("link a support set before asking")]
    NotLinked,
    /// The device gave no result.
    #[error("the device failed: {0}")]
    Device(String),
}

/// A picture's features: what the connector reads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Features {
    tensor: Tensor<3>,
    /// The same for clones alone.
    id: u64,
}

impl Features {
    fn new(tensor: Tensor<3>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            tensor,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// One picture of the support set, in the order in which the model sees it.
#[derive(Clone, Debug)]
pub struct LinkedExample {
    /// Index of its concept's name.
    pub concept: usize,
    /// What the encoder made of it.
    pub features: Features,
}

/// What [`Session::link`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkReport {
    /// Positions the support set takes.
    pub tokens: usize,
    /// Time it took, in milliseconds.
    pub milliseconds: f64,
}

/// A token of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerToken {
    /// The text it adds; empty while a character is incomplete.
    pub text: String,
    /// Its probability after everything before it.
    pub probability: f32,
}

/// Times of an answer, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerTimes {
    /// The query's positions.
    pub prefill: f64,
    /// The answer's tokens.
    pub decode: f64,
    /// The other names' log-probabilities.
    pub evidence: f64,
}

/// An answer and its link.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The name, as decoded.
    pub name: String,
    /// Whether the model ended the name itself (not stopped, not cut off).
    pub finished: bool,
    /// Which concept has exactly this name.
    pub concept: Option<usize>,
    /// The tokens of the name, without the stop.
    pub tokens: Vec<AnswerToken>,
    /// Each concept's log-probability: that of its exact name followed by the stop. (A long name's probability itself may be too small
    /// for a number.) Empty when stopped.
    pub names: Vec<f64>,
    /// The same by the decoder alone, before its attention had a say in which name it is.
    pub own_names: Vec<f64>,
    /// Each example's share of the attention that the naming step pays to the examples' names (each with its stop), averaged over heads and
    /// layers, in the order of the examples; adds up to one. An answer is copied from a name, which has by then gathered its picture;
    /// the pictures' own positions would add what any step pays to the first of them.
    pub shares: Vec<f32>,
    /// Times.
    pub times: AnswerTimes,
}

/// Positions whose logits are made at once: all of a long name's, with what a softmax makes of them, would be a tenth of the weights.
const LOGIT_ROWS: usize = 4;

/// The support set in the cache.
#[derive(Default)]
struct Linked {
    names: Vec<Vec<u32>>,
    examples: Vec<Read>,
    length: usize,
    /// The examples' pictures, as the connector compares later ones with them; none before the first example.
    seen: Option<Seen>,
}

/// An example in the cache.
struct Read {
    name: Vec<u32>,
    /// Which features its picture has.
    features: u64,
    /// Where its name and stop stand.
    positions: Range<usize>,
}

impl Linked {
    /// Each name's part of the shares, that of the examples which bear it.
    fn shares_of_names(&self, shares: &[f32]) -> Vec<f64> {
        let share_of = |name: &Vec<u32>| {
            let examples = self.examples.iter().zip(shares);
            let own = examples.filter(|(read, _)| read.name == *name);
            own.map(|(_, &share)| f64::from(share)).sum()
        };
        self.names.iter().map(share_of).collect()
    }

    /// What it has in common with another support set, from the first example on.
    fn beginning(mut self, examples: &[(&LinkedExample, &Vec<u32>)]) -> Self {
        let same = |(read, (example, name)): &(&Read, &(&LinkedExample, &Vec<u32>))| {
            read.features == example.features.id && read.name == **name
        };
        let kept = self.examples.iter().zip(examples).take_while(same).count();
        self.examples.truncate(kept);
        let seen = self.seen.filter(|_| kept > 0);
        self.seen = seen.map(|seen| seen.first(kept));
        self.length = self.examples.last().map_or(0, |read| read.positions.end);
        self
    }
}

/// A model on a device, with its cache.
pub struct Session {
    model: LinkContextModel,
    config: ModelConfig,
    tokenizer: Tokenizer,
    template: Template,
    cache: KeyValueCache,
    linked: Option<Linked>,
    device: Device,
}

impl Session {
    /// Builds the model from its tensors.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape, or the tokenizer is of another model.
    pub fn new(
        config: &ModelConfig,
        mut parameters: Parameters,
        tokenizer: Tokenizer,
    ) -> Result<Self, SessionError> {
        let device = parameters.device().clone();
        let model = LinkContextModel::take(config, &mut parameters)?;
        let template = Template::new(&tokenizer, config.connector.visual_tokens())?;
        Ok(Self {
            cache: empty_cache(&model.decoder, config, &device),
            model,
            config: config.clone(),
            tokenizer,
            template,
            linked: None,
            device,
        })
    }

    /// Another session on the same weights, with nothing linked: what two of them do at the same time, they do in two threads.
    pub fn another(&self) -> Self {
        Self {
            model: self.model.clone(),
            cache: empty_cache(&self.model.decoder, &self.config, &self.device),
            config: self.config.clone(),
            tokenizer: self.tokenizer.clone(),
            template: self.template.clone(),
            linked: None,
            device: self.device.clone(),
        }
    }

    /// Encodes a picture.
    pub fn encode(&self, square: &Square) -> Features {
        let size = self.config.vision.image_size;
        let pixels = TensorData::new(square.to_input(), [1, 3, size, size]);
        Features::new(self.model.features(Tensor::from_data(pixels, &self.device)))
    }

    /// Features computed before, `[parts * head_channels]` row-major.
    pub fn features(&self, values: Vec<f32>) -> Features {
        let shape = [
            1,
            self.config.connector.parts,
            self.config.vision.head_channels,
        ];
        Features::new(Tensor::from_data(
            TensorData::new(values, shape),
            &self.device,
        ))
    }

    /// Prefills a support set and keeps it. What was linked before is forgotten, but for the examples with which this one begins too: those are
    /// not read again. After an empty one the model names a query in its own words.
    ///
    /// # Errors
    ///
    /// When the sequence is longer than the cache (what was linked before then stays), or the device fails.
    pub async fn link(
        &mut self,
        names: &[String],
        examples: &[LinkedExample],
    ) -> Result<LinkReport, SessionError> {
        let start = Instant::now();
        let names: Vec<Vec<u32>> = names
            .iter()
            .map(|name| name_tokens(&self.tokenizer, name))
            .collect();
        let named = examples.iter().map(|example| {
            let concept = example.concept;
            let name = names.get(concept);
            Ok((example, name.ok_or(SessionError::NoName { concept })?))
        });
        let examples: Vec<(&LinkedExample, &Vec<u32>)> =
            named.collect::<Result<_, SessionError>>()?;
        let lengths = examples
            .iter()
            .map(|(_, name)| self.template.example_len(name));
        let tokens = 1 + lengths.sum::<usize>();
        let room = tokens + self.template.query_len() + answer_limit(&names);
        let limit = self.cache.limit();
        if room > limit {
            return Err(SessionError::TooLong {
                tokens: room,
                limit,
            });
        }
        let before = self.linked.take().filter(|_| room <= self.cache.capacity());
        let mut linked = match before {
            Some(linked) => linked.beginning(&examples),
            None => Linked::default(),
        };
        let mut positions = if linked.length == 0 {
            // Here a cache that is too large goes.
            self.cache.empty(room);
            self.template.begin()
        } else {
            self.cache.truncate(linked.length);
            Vec::new()
        };
        let kept = linked.examples.len();
        for (picture, (example, name)) in examples.iter().skip(kept).enumerate() {
            let range = self.template.push_example(&mut positions, picture, name);
            linked.examples.push(Read {
                name: name.to_vec(),
                features: example.features.id,
                positions: linked.length + range.start..linked.length + range.end,
            });
        }
        linked.length += positions.len();
        if !positions.is_empty() {
            let features = examples.iter().skip(kept);
            let features = features.map(|(example, _)| example.features.tensor.clone());
            let before = linked.seen.take();
            let (embedded, seen) = self.embed(&positions, features.collect(), before.clone());
            linked.seen = match seen {
                Some(seen) => Some(seen.after(before)),
                None => before,
            };
            let (hidden, _) = self.model.decoder.extend(embedded, &mut self.cache, false);
            // One number is read back, so that the time is that of the work and a failure shows here.
            let last = hidden.slice([positions.len() - 1..positions.len(), 0..1]);
            last.into_data_async().await.map_err(device_error)?;
        }
        linked.names = names;
        self.linked = Some(linked);
        Ok(LinkReport {
            tokens,
            milliseconds: since(start),
        })
    }

    /// Positions as the decoder takes them, with the features of the pictures among them, if there are any, after the pictures `before` them.
    /// Gives these as later ones are compared with them, too.
    fn embed(
        &self,
        positions: &[Position],
        features: Vec<Tensor<3>>,
        before: Option<Seen>,
    ) -> (Tensor<2>, Option<Seen>) {
        if features.is_empty() {
            let tokens = positions.iter().filter_map(|position| match position {
                Position::Token(token) => Some(*token),
                Position::Visual { .. } => None,
            });
            let tokens = self.ints(&tokens.collect::<Vec<_>>());
            return (self.model.decoder.embed(tokens), None);
        }
        let features = Tensor::cat(features, 0);
        let visual = self.model.connector.forward(features, before, 0);
        let embedded = self.model.assemble(visual.tokens, positions);
        (embedded, Some(visual.seen))
    }

    /// Names a query, greedily; where that may go on as one name or another, the attention has its say in which (see `session/pool.rs`). Each token goes
    /// to `on_token` as it comes; a `Break` stops the answer.
    ///
    /// # Errors
    ///
    /// When nothing is linked or the device fails.
    pub async fn answer(
        &mut self,
        query: &Features,
        on_token: impl AsyncFnMut(&AnswerToken) -> ControlFlow<()>,
    ) -> Result<Answer, SessionError> {
        // Taken for the time of the answer, so that the cache can be written while the names are read.
        let linked = self.linked.take().ok_or(SessionError::NotLinked)?;
        let answer = self.answer_linked(&linked, query, on_token).await;
        self.cache.truncate(linked.length);
        self.linked = Some(linked);
        answer
    }

    async fn answer_linked(
        &mut self,
        linked: &Linked,
        query: &Features,
        mut on_token: impl AsyncFnMut(&AnswerToken) -> ControlFlow<()>,
    ) -> Result<Answer, SessionError> {
        let start = Instant::now();
        self.cache.truncate(linked.length);
        let mut positions = Vec::new();
        self.template.push_query(&mut positions, 0);
        let query = vec![query.tensor.clone()];
        let (embedded, _) = self.embed(&positions, query, linked.seen.clone());
        let (hidden, attention) = self.model.decoder.extend(embedded, &mut self.cache, true);
        let last = hidden.narrow(0, positions.len() - 1, 1);
        let names = Endings::new(&linked.names, self.template.stop());
        let (step, attention) = self.read_step(last, &names.next(&[]), attention).await?;
        let shares = shares(&values(attention)?, &linked.examples)?;
        let by_name = linked.shares_of_names(&shares);
        let first = step.own.clone();
        let (mut id, mut logs) = step.choose(&by_name);
        let asked = self.cache.len();
        let mut times = AnswerTimes {
            prefill: since(start),
            ..AnswerTimes::default()
        };

        let start = Instant::now();
        let limit = answer_limit(&linked.names);
        let mut stream = StreamDecoder::default();
        let (mut ids, mut tokens): (Vec<u32>, Vec<AnswerToken>) = (Vec::new(), Vec::new());
        let mut walked = Vec::new();
        let mut finished = false;
        let mut stopped = false;
        while ids.len() < limit {
            walked.push(logs.own);
            if id == self.template.stop() {
                finished = true;
                break;
            }
            let text = stream.push(&self.tokenizer, id);
            // The space before the name belongs to the template.
            let text = if ids.is_empty() {
                name_of(&text).to_owned()
            } else {
                text
            };
            ids.push(id);
            tokens.push(AnswerToken {
                text,
                probability: logs.pooled.exp() as f32,
            });
            if let Some(token) = tokens.last()
                && on_token(token).await.is_break()
            {
                stopped = true;
                break;
            }
            let embedded = self.model.decoder.embed(self.ints(&[id]));
            let (hidden, _) = self.model.decoder.extend(embedded, &mut self.cache, false);
            let next = names.parting(&ids);
            let (step, _) = self.read_step(hidden, &next, None).await?;
            (id, logs) = step.choose(&by_name);
        }
        let name = name_of(&self.tokenizer.decode(&ids)).to_owned();
        times.decode = since(start);

        let start = Instant::now();
        let concept = linked
            .names
            .iter()
            .position(|name| finished && *name == ids);
        let mut own = Vec::new();
        for (index, (name, first)) in linked.names.iter().zip(first).enumerate() {
            if stopped {
                break;
            }
            // What greedy decoding has just walked need not be walked again.
            own.push(if concept == Some(index) {
                walked.clone()
            } else {
                self.cache.truncate(asked);
                self.log_probabilities(first, name).await?
            });
        }
        let own_names = own.iter().map(|logs| logs.iter().sum()).collect();
        let names = names.pooled(&own, &by_name);
        times.evidence = since(start);
        Ok(Answer {
            name,
            finished,
            concept,
            tokens,
            names,
            own_names,
            shares,
            times,
        })
    }

    /// Log-probability of each token of a name and of its stop after the cache, `first` that of the first.
    async fn log_probabilities(
        &mut self,
        first: f64,
        name: &[u32],
    ) -> Result<Vec<f64>, SessionError> {
        let mut logs = vec![first];
        if let Some((_, rest)) = name.split_first() {
            let next = [rest, &[self.template.stop()]].concat();
            let following = self.following(name, &next).await?;
            logs.extend(following.into_iter().map(f64::from));
        }
        Ok(logs)
    }

    /// Writes `ids` after the cache; gives the log-probability of each of `next`, one after each of `ids`.
    async fn following(&mut self, ids: &[u32], next: &[u32]) -> Result<Vec<f32>, SessionError> {
        let embedded = self.model.decoder.embed(self.ints(ids));
        let (hidden, _) = self.model.decoder.extend(embedded, &mut self.cache, false);
        let next = self.ints(next).reshape([ids.len(), 1]);
        let rows = hidden.split(LOGIT_ROWS, 0).into_iter();
        let logs = rows.zip(next.split(LOGIT_ROWS, 0)).map(|(hidden, next)| {
            let logits = self.model.decoder.logits(hidden);
            log_softmax(logits, 1).gather(1, next)
        });
        let logs = Tensor::cat(logs.collect(), 0);
        values(Some(logs.into_data_async().await.map_err(device_error)?))
    }

    fn ints(&self, ids: &[u32]) -> Tensor<1, Int> {
        let values: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let length = values.len();
        Tensor::from_data(TensorData::new(values, [length]), &self.device)
    }
}

fn empty_cache(decoder: &Decoder, config: &ModelConfig, device: &Device) -> KeyValueCache {
    decoder.cache(CAPACITY.min(config.decoder.context), device)
}

/// Tokens after which an answer is cut off.
fn answer_limit(names: &[Vec<u32>]) -> usize {
    let longest = names.iter().map(Vec::len).max();
    longest.map_or(UNLINKED_ANSWER, |longest| longest + ANSWER_MARGIN)
}

fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn device_error(error: impl std::fmt::Debug) -> SessionError {
    SessionError::Device(format!("{error:?}"))
}

fn values(data: Option<TensorData>) -> Result<Vec<f32>, SessionError> {
    let data = data.ok_or_else(|| SessionError::Device("nothing was read back".into()))?;
    data.try_into_vec::<f32>().map_err(device_error)
}

/// Each example's part of the attention that goes to all examples.
fn shares(attention: &[f32], examples: &[Read]) -> Result<Vec<f32>, SessionError> {
    let short = || SessionError::Device("the attention is too short".into());
    let sums = examples.iter().map(|read| {
        let own = attention.get(read.positions.clone()).ok_or_else(short)?;
        Ok(own.iter().sum())
    });
    let sums: Vec<f32> = sums.collect::<Result<_, SessionError>>()?;
    let total: f32 = sums.iter().sum();
    Ok(sums
        .into_iter()
        .map(|sum| if total > 0.0 { sum / total } else { 0.0 })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one_and_leave_out_what_is_no_example() {
        let attention = [0.5, 0.1, 0.2, 0.1, 0.1];
        let examples = [1..2, 2..4].map(|positions| Read {
            name: Vec::new(),
            features: 0,
            positions,
        });
        let shares = shares(&attention, &examples).unwrap();
        assert!((shares[0] - 0.25).abs() < 1e-6);
        assert!((shares[1] - 0.75).abs() < 1e-6);
    }
}
