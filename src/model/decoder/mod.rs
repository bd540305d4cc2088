//! A Llama decoder (Touvron et al. 2023) with a tied head: SmolLM2's architecture.

mod attention;
mod cache;
mod packed;
mod projection;
mod rope;

use burn::module::Module;
use burn::tensor::activation::silu;
use burn::tensor::{Device, Int, Tensor};

use self::attention::{Attending, Cached};
pub use self::attention::{Attention, Watched};
pub use self::cache::KeyValueCache;
use self::packed::{PackedBlock, Step};
pub use self::projection::{LowRank, Projection};
pub use self::rope::RotaryEmbedding;
use super::config::DecoderConfig;
use super::parameters::{Matrix, ParameterError, Parameters};
use crate::kernels::{Likeliest, Norm, cache_row};

/// SwiGLU feed-forward (Shazeer 2020).
#[derive(Module, Debug)]
struct FeedForward {
    gate: Projection,
    up: Projection,
    down: Projection,
}

impl FeedForward {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let hidden = silu(self.gate.forward(x.clone())) * self.up.forward(x);
        self.down.forward(hidden)
    }
}

/// One decoder block.
#[derive(Module, Debug)]
struct DecoderBlock {
    attention_norm: Norm,
    attention: Attention,
    feed_forward_norm: Norm,
    feed_forward: FeedForward,
}

impl DecoderBlock {
    fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Self, ParameterError> {
        let (width, wide) = (config.width, config.feed_forward);
        Ok(Self {
            attention_norm: Norm {
                weight: parameters.take(&format!("{name}.attention_norm"), [width])?,
                epsilon: config.norm_epsilon,
            },
            attention: Attention::take(config, parameters, name)?,
            feed_forward_norm: Norm {
                weight: parameters.take(&format!("{name}.feed_forward_norm"), [width])?,
                epsilon: config.norm_epsilon,
            },
            feed_forward: FeedForward {
                gate: Projection::take(
                    parameters,
                    &format!("{name}.feed_forward.gate"),
                    [wide, width],
                )?,
                up: Projection::take(
                    parameters,
                    &format!("{name}.feed_forward.up"),
                    [wide, width],
                )?,
                down: Projection::take(
                    parameters,
                    &format!("{name}.feed_forward.down"),
                    [width, wide],
                )?,
            },
        })
    }

    fn forward<'a>(
        &self,
        x: Tensor<2>,
        rope: &RotaryEmbedding,
        sequences: impl IntoIterator<Item = Attending<'a>>,
    ) -> Tensor<2> {
        let y = rms_norm(x.clone(), &self.attention_norm);
        let x = x + self.attention.forward(y, rope, sequences);
        let y = rms_norm(x.clone(), &self.feed_forward_norm);
        x + self.feed_forward.forward(y)
    }
}

/// One decoder block in one of two forms.
#[derive(Module, Debug)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(
        clippy::large_enum_variant,
        reason = "there are thirty of them, and no box is a module"
    )
)]
enum Block {
    /// Of plain tensor operations: for training, for weights in full precision, and as what the other is held against.
    Dense(DecoderBlock),
    /// On matrices as they were quantised.
    Packed(PackedBlock),
}

/// One of the sequences that [`Decoder::forward`] runs together.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Its positions.
    pub len: usize,
    /// Those whose attention is asked for, if there are any.
    pub watched: Option<Watched>,
}

impl Sequence {
    /// Of so many positions, none of them watched.
    pub fn new(len: usize) -> Self {
        Self { len, watched: None }
    }
}

/// The decoder. Built by [`Decoder::take`].
#[derive(Module, Debug)]
pub struct Decoder {
    embedding: Matrix,
    blocks: Vec<Block>,
    norm: Norm,
    rope: RotaryEmbedding,
    #[module(skip)]
    config: DecoderConfig,
}

impl Decoder {
    /// Takes the decoder's tensors (`decoder.*`).
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
    ) -> Result<Self, ParameterError> {
        let embedding =
            parameters.take_matrix("decoder.embedding", [config.vocabulary, config.width])?;
        let block = |index: usize| {
            let name = format!("decoder.layers.{index}");
            Ok(match PackedBlock::take(config, parameters, &name)? {
                Some(block) => Block::Packed(block),
                None => Block::Dense(DecoderBlock::take(config, parameters, &name)?),
            })
        };
        let blocks = (0..config.layers).map(block).collect::<Result<_, _>>()?;
        // In training they are attached to the plain matrices afterwards.
        let left = parameters.left_thin_matrix();
        if let Some(name) = left.filter(|_| parameters.is_for_kernels()) {
            return Err(ParameterError::Form(name.to_owned()));
        }
        Ok(Self {
            embedding,
            blocks,
            norm: Norm {
                weight: parameters.take("decoder.norm", [config.width])?,
                epsilon: config.norm_epsilon,
            },
            rope: RotaryEmbedding::new(config, parameters.device()),
            config: config.clone(),
        })
    }

    /// A cache without room, for sequences of up to `limit` positions.
    pub fn cache(&self, limit: usize, device: &Device) -> KeyValueCache {
        let width = self.config.head_width;
        let row = |block: &Block| match block {
            Block::Dense(_) => width,
            Block::Packed(_) => cache_row(width, device),
        };
        let rows = self.blocks.iter().map(row).collect();
        KeyValueCache::new(&self.config, rows, limit, device)
    }

    /// Looks tokens up.
    ///
    /// # Shapes
    ///
    /// - input: `[tokens]`
    /// - output: `[tokens, width]`
    pub fn embed(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        match &self.embedding {
            Matrix::Dense(embedding) => embedding.clone().select(0, tokens),
            Matrix::Quantised(embedding) => embedding.rows(tokens),
        }
    }

    /// Runs whole sequences without a cache, as training does, through each layer together: what they are multiplied by is read once for all
    /// of them. What watched positions pay is added up, but for layers whose weights are packed: nothing is learned there.
    ///
    /// # Shapes
    ///
    /// - input and output: `[rows, width]`, the sequences one after the other; the output is before the last norm
    pub fn forward(&self, embedded: Tensor<2>, sequences: &mut [Sequence]) -> Tensor<2> {
        let device = embedded.device();
        let masks: Vec<_> = sequences
            .iter()
            .map(|sequence| attention::causal_mask(sequence.len, 0, &device))
            .collect();
        self.blocks.iter().fold(embedded, |x, block| match block {
            Block::Dense(block) => {
                let each = sequences.iter_mut().zip(&masks);
                let each = each.map(|(sequence, mask)| Attending {
                    len: sequence.len,
                    mask: Some(mask.clone()),
                    cached: None,
                    watched: sequence.watched.as_mut(),
                });
                block.forward(x, &self.rope, each)
            }
            Block::Packed(block) => {
                let step = Step::new(&self.rope, 0, &device);
                let row = cache_row(self.config.head_width, &device);
                let mut from = 0;
                let each = sequences.iter().map(|sequence| {
                    let own = x.clone().narrow(0, from, sequence.len);
                    from += sequence.len;
                    let cache = KeyValueCache::layer(&self.config, sequence.len, row, &device);
                    let unwanted = Tensor::zeros([1, 1], &device);
                    block.extend(own, &step, cache, unwanted).0
                });
                Tensor::cat(each.collect(), 0)
            }
        })
    }

    /// Runs the next positions of one sequence, after those in the cache, and adds them to it.
    ///
    /// With `evidence`, also gives the last position's attention over all positions, averaged over heads and layers.
    ///
    /// # Shapes
    ///
    /// - input: `[seq_len, width]`
    /// - output: `[seq_len, width]` before the last norm, and `[cache.len()]` (after this call)
    pub fn extend(
        &self,
        embedded: Tensor<2>,
        cache: &mut KeyValueCache,
        evidence: bool,
    ) -> (Tensor<2>, Option<Tensor<1>>) {
        let [seq_len, _] = embedded.dims();
        let device = embedded.device();
        let start = cache.len();
        let mask = (seq_len > 1).then(|| attention::causal_mask(seq_len, start, &device));
        let step = Step::new(&self.rope, start, &device);
        let mut paid = if evidence {
            Tensor::zeros([self.config.query_heads, cache.capacity()], &device)
        } else {
            cache.no_evidence()
        };
        let mut x = embedded;
        cache.update(seq_len, &self.blocks, |block, mut layer| match block {
            Block::Packed(block) => {
                let given = (x.clone(), paid.clone());
                (x, layer, paid) = block.extend(given.0, &step, layer, given.1);
                layer
            }
            Block::Dense(block) => {
                let cached = Cached {
                    cache: &mut layer,
                    start,
                    evidence: evidence.then_some(&mut paid),
                };
                let alone = Attending {
                    len: seq_len,
                    mask: mask.clone(),
                    cached: Some(cached),
                    watched: None,
                };
                x = block.forward(x.clone(), &self.rope, [alone]);
                layer
            }
        });
        let paid = evidence.then(|| {
            let heads_and_layers = (self.config.query_heads * self.blocks.len()) as f64;
            let sum: Tensor<1> = paid.sum_dim(0).squeeze_dim(0);
            sum.narrow(0, 0, start + seq_len) / heads_and_layers
        });
        (x, paid)
    }

    /// The last norm and the tied head.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, width]`
    /// - output: `[rows, vocabulary]`
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let normed = rms_norm(hidden, &self.norm);
        match &self.embedding {
            Matrix::Dense(embedding) => normed.matmul(embedding.clone().transpose()),
            Matrix::Quantised(embedding) => embedding.product(normed),
        }
    }

    /// The same for one row, with the likeliest token found on the device.
    ///
    /// # Shapes
    ///
    /// - input: `[1, width]`
    pub fn likeliest(&self, hidden: Tensor<2>) -> Likeliest {
        match &self.embedding {
            Matrix::Quantised(embedding) => embedding.likeliest(hidden, &self.norm),
            Matrix::Dense(_) => {
                let logits = self.logits(hidden);
                let (highest, index) = logits.clone().max_dim_with_indices(1);
                let sum = (logits.clone() - highest.clone()).exp().sum_dim(1);
                let top = Tensor::cat(vec![index.float(), highest, sum.log()], 1);
                Likeliest {
                    logits,
                    top: top.squeeze_dim(0),
                }
            }
        }
    }

    /// Every projection that carries an adapter in training, with the name of its matrix.
    pub fn adapted(&mut self) -> impl Iterator<Item = (String, &mut Projection)> {
        let blocks = self.blocks.iter_mut().enumerate();
        let dense = blocks.filter_map(|(index, block)| match block {
            Block::Dense(block) => Some((index, block)),
            Block::Packed(_) => None,
        });
        dense.flat_map(|(index, block)| {
            block.attention.adapted().map(move |(part, projection)| {
                (
                    format!("decoder.layers.{index}.attention.{part}"),
                    projection,
                )
            })
        })
    }
}

/// Root-mean-square norm (Zhang and Sennrich 2019).
///
/// # Shapes
///
/// - input and output: `[rows, width]`
fn rms_norm(x: Tensor<2>, norm: &Norm) -> Tensor<2> {
    let [_, width] = x.dims();
    let scale = (x.clone().powi_scalar(2).mean_dim(1) + norm.epsilon)
        .sqrt()
        .recip();
    x * scale * norm.weight.clone().reshape([1, width])
}
