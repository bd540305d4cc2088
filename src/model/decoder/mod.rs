//! A Llama decoder (Touvron et al. 2023) with a tied head: SmolLM2's architecture.

mod attention;
mod cache;
mod projection;
mod rope;

use burn::module::Module;
use burn::tensor::activation::silu;
use burn::tensor::{Bool, Int, Tensor};

pub use self::attention::Attention;
pub use self::cache::KeyValueCache;
use self::cache::LayerCache;
pub use self::projection::{LowRank, Projection};
pub use self::rope::RotaryEmbedding;
use super::config::DecoderConfig;
use super::parameters::{ParameterError, Parameters};

/// Root-mean-square norm (Zhang and Sennrich 2019).
#[derive(Module, Debug)]
struct RmsNorm {
    weight: Tensor<1>,
    epsilon: f64,
}

impl RmsNorm {
    fn take(
        parameters: &mut Parameters,
        name: &str,
        config: &DecoderConfig,
    ) -> Result<Self, ParameterError> {
        let weight = parameters.take(name, [config.width])?;
        Ok(Self {
            weight,
            epsilon: config.norm_epsilon,
        })
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [_, _, width] = x.dims();
        let scale = (x.clone().powi_scalar(2).mean_dim(2) + self.epsilon)
            .sqrt()
            .recip();
        x * scale * self.weight.clone().reshape([1, 1, width])
    }
}

/// SwiGLU feed-forward (Shazeer 2020).
#[derive(Module, Debug)]
struct FeedForward {
    gate: Projection,
    up: Projection,
    down: Projection,
}

impl FeedForward {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch_size, seq_len, width] = x.dims();
        let x = x.reshape([batch_size * seq_len, width]);
        let hidden = silu(self.gate.forward(x.clone())) * self.up.forward(x);
        self.down
            .forward(hidden)
            .reshape([batch_size, seq_len, width])
    }
}

/// One decoder block.
#[derive(Module, Debug)]
struct DecoderBlock {
    attention_norm: RmsNorm,
    attention: Attention,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
}

impl DecoderBlock {
    fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
        index: usize,
    ) -> Result<Self, ParameterError> {
        let name = format!("decoder.layers.{index}");
        let (width, wide) = (config.width, config.feed_forward);
        Ok(Self {
            attention_norm: RmsNorm::take(parameters, &format!("{name}.attention_norm"), config)?,
            attention: Attention::take(config, parameters, &name)?,
            feed_forward_norm: RmsNorm::take(
                parameters,
                &format!("{name}.feed_forward_norm"),
                config,
            )?,
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

    fn forward(
        &self,
        x: Tensor<3>,
        rope: &RotaryEmbedding,
        mask: Option<Tensor<2, Bool>>,
        cache: Option<(&mut LayerCache, usize)>,
        weights: bool,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let normed = self.attention_norm.forward(x.clone());
        let (mixed, attention) = self.attention.forward(normed, rope, mask, cache, weights);
        let x = x + mixed;
        let y = self
            .feed_forward
            .forward(self.feed_forward_norm.forward(x.clone()));
        (x + y, attention)
    }
}

/// The decoder. Built by [`Decoder::take`].
#[derive(Module, Debug)]
pub struct Decoder {
    embedding: Tensor<2>,
    blocks: Vec<DecoderBlock>,
    norm: RmsNorm,
    rope: RotaryEmbedding,
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
        let embedding = parameters.take("decoder.embedding", [config.vocabulary, config.width])?;
        let blocks = (0..config.layers)
            .map(|index| DecoderBlock::take(config, parameters, index))
            .collect::<Result<_, _>>()?;
        let norm = RmsNorm::take(parameters, "decoder.norm", config)?;
        let rope = RotaryEmbedding::new(config, parameters.device());
        Ok(Self {
            embedding,
            blocks,
            norm,
            rope,
        })
    }

    /// Looks tokens up.
    ///
    /// # Shapes
    ///
    /// - input: `[tokens]`
    /// - output: `[tokens, width]`
    pub fn embed(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        self.embedding.clone().select(0, tokens)
    }

    /// Runs whole sequences without a cache, as training does. Pads stand at the end, where no position before them sees them.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch_size, seq_len, width]`, the output before the head
    pub fn forward(&self, embedded: Tensor<3>) -> Tensor<3> {
        let [_, seq_len, _] = embedded.dims();
        let mask = attention::causal_mask(seq_len, 0, &embedded.device());
        let mut x = embedded;
        for block in &self.blocks {
            x = block
                .forward(x, &self.rope, Some(mask.clone()), None, false)
                .0;
        }
        self.norm.forward(x)
    }

    /// Runs the next positions of one sequence, after those in the cache, and adds them to it.
    ///
    /// With `evidence`, also gives the last position's attention over all positions, averaged over heads and layers.
    ///
    /// # Shapes
    ///
    /// - input: `[seq_len, width]`
    /// - output: `[seq_len, width]` before the head, and `[cache.len()]` (after this call)
    pub fn extend(
        &self,
        embedded: Tensor<2>,
        cache: &mut KeyValueCache,
        evidence: bool,
    ) -> (Tensor<2>, Option<Tensor<1>>) {
        let [seq_len, width] = embedded.dims();
        let start = cache.len();
        let total = start + seq_len;
        let mask =
            (seq_len > 1).then(|| attention::causal_mask(seq_len, start, &embedded.device()));
        let mut x = embedded.reshape([1, seq_len, width]);
        let mut sum: Option<Tensor<1>> = None;
        for (block, layer) in self.blocks.iter().zip(&mut cache.layers) {
            let (y, attention) =
                block.forward(x, &self.rope, mask.clone(), Some((layer, start)), evidence);
            x = y;
            if let Some(attention) = attention {
                let last = attention
                    .slice([0..1, seq_len - 1..seq_len, 0..total])
                    .reshape([total]);
                sum = Some(match sum {
                    None => last,
                    Some(sum) => sum + last,
                });
            }
        }
        cache.advance(seq_len);
        let attention = sum.map(|sum| sum / self.blocks.len() as f64);
        (self.norm.forward(x).reshape([seq_len, width]), attention)
    }

    /// The tied head.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, width]`
    /// - output: `[rows, vocabulary]`
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        hidden.matmul(self.embedding.clone().transpose())
    }

    /// Every projection that carries an adapter in training, with the name of its matrix.
    pub fn adapted(&mut self) -> impl Iterator<Item = (String, &mut Projection)> {
        self.blocks
            .iter_mut()
            .enumerate()
            .flat_map(|(index, block)| {
                block.attention.adapted().map(|(part, projection)| {
                    (
                        format!("decoder.layers.{index}.attention.{part}"),
                        projection,
                    )
                })
            })
    }
}
