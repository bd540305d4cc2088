//! Grouped-query causal attention (Ainslie et al. 2023).

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};

use super::cache::LayerCache;
use super::projection::Projection;
use super::rope::RotaryEmbedding;
use crate::model::config::DecoderConfig;
use crate::model::parameters::{ParameterError, Parameters};

/// Attention of one decoder block.
#[derive(Module, Debug)]
pub struct Attention {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    query_heads: usize,
    key_value_heads: usize,
    head_width: usize,
}

/// Which keys a query may see: every key up to its own position.
///
/// # Shapes
///
/// - output: `[seq_len, start + seq_len]`, true where attention is forbidden
pub(super) fn causal_mask(
    seq_len: usize,
    start: usize,
    device: &burn::tensor::Device,
) -> Tensor<2, Bool> {
    Tensor::<2, Bool>::tril_mask([seq_len, start + seq_len], start as i64, device)
}

impl Attention {
    /// Takes the four projections of the block `name`.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Self, ParameterError> {
        let wide = config.query_heads * config.head_width;
        let narrow = config.key_value_heads * config.head_width;
        let mut take = |part: &str, shape| {
            Projection::take(parameters, &format!("{name}.attention.{part}"), shape)
        };
        Ok(Self {
            query: take("query", [wide, config.width])?,
            key: take("key", [narrow, config.width])?,
            value: take("value", [narrow, config.width])?,
            output: take("output", [config.width, wide])?,
            query_heads: config.query_heads,
            key_value_heads: config.key_value_heads,
            head_width: config.head_width,
        })
    }

    /// The projections that carry an adapter in training, with their names.
    pub fn adapted(&mut self) -> [(&'static str, &mut Projection); 4] {
        [
            ("query", &mut self.query),
            ("key", &mut self.key),
            ("value", &mut self.value),
            ("output", &mut self.output),
        ]
    }

    /// Attends; also gives each query position's attention over all keys, averaged over heads, when `weights` asks for it.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_len, width]`, `mask` as [`causal_mask`] gives it
    /// - output: `[batch_size, seq_len, width]` and `[batch_size, seq_len, start + seq_len]`
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        rope: &RotaryEmbedding,
        mask: Option<Tensor<2, Bool>>,
        cache: Option<(&mut LayerCache, usize)>,
        weights: bool,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let [batch_size, seq_len, width] = x.dims();
        let (groups, head_width) = (self.key_value_heads, self.head_width);
        let shared = self.query_heads / groups;
        let x = x.reshape([batch_size * seq_len, width]);
        let heads = |y: Tensor<2>, n: usize| {
            y.reshape([batch_size, seq_len, n, head_width])
                .swap_dims(1, 2)
        };
        let start = cache.as_ref().map_or(0, |(_, start)| *start);
        let query = rope.rotate(
            heads(self.query.forward(x.clone()), self.query_heads),
            start,
        );
        let key = rope.rotate(heads(self.key.forward(x.clone()), groups), start);
        let value = heads(self.value.forward(x), groups);
        let (key, value) = match cache {
            Some((cache, start)) => cache.append(key, value, start),
            None => (key, value),
        };
        let total = start + seq_len;
        // The query heads that share a key are rows of one matrix, so that keys and values need not be repeated.
        let query = query * (head_width as f64).powf(-0.5);
        let query = query.reshape([batch_size, groups, shared * seq_len, head_width]);
        let scores = query.matmul(key.swap_dims(2, 3));
        let scores = match mask {
            None => scores,
            Some(mask) => scores
                .reshape([batch_size, groups * shared, seq_len, total])
                .mask_fill(
                    mask.reshape([1, 1, seq_len, total]).expand([
                        batch_size,
                        groups * shared,
                        seq_len,
                        total,
                    ]),
                    f32::NEG_INFINITY,
                )
                .reshape([batch_size, groups, shared * seq_len, total]),
        };
        let shares = softmax(scores, 3);
        let mean = weights.then(|| {
            shares
                .clone()
                .reshape([batch_size, groups * shared, seq_len, total])
                .mean_dim(1)
                .reshape([batch_size, seq_len, total])
        });
        let mixed = shares
            .matmul(value)
            .reshape([batch_size, self.query_heads, seq_len, head_width])
            .swap_dims(1, 2)
            .reshape([batch_size * seq_len, self.query_heads * head_width]);
        (
            self.output
                .forward(mixed)
                .reshape([batch_size, seq_len, width]),
            mean,
        )
    }
}
