//! A loaded model on a device: links a support set once, then answers many queries.
//!
//! The support set is prefilled into the key/value cache and stays there. A query is written after it and cut off again, which costs
//! nothing, so that a second query pays for its own positions alone.

mod answer;
mod forced;
pub(crate) mod pool;
mod step;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use thiserror::Error;
use web_time::Instant;

pub use self::answer::{Answer, AnswerTimes, AnswerToken};
use crate::model::connector::Seen;
use crate::model::decoder::{Decoder, KeyValueCache};
use crate::model::{LinkContextModel, ModelConfig, ParameterError, Parameters};
use crate::picture::Square;
use crate::text::template::{Position, Template, TemplateError, name_tokens};
use crate::text::tokenizer::Tokenizer;

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
