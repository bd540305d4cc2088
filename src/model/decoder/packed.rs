//! A decoder block on matrices that stay as they were quantised.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::rope::RotaryEmbedding;
use crate::kernels::{AdaptedMatrix, Norm, QuantisedMatrix, cached_attention};
use crate::model::config::DecoderConfig;
use crate::model::parameters::{ParameterError, Parameters};

/// One decoder block.
#[derive(Module, Debug)]
pub(super) struct PackedBlock {
    attention_norm: Norm,
    /// Queries, keys and values.
    inputs: AdaptedMatrix,
    output: AdaptedMatrix,
    feed_forward_norm: Norm,
    /// Gate and up.
    gated: QuantisedMatrix,
    down: QuantisedMatrix,
}

/// What every block of a step is given.
pub(super) struct Step<'a> {
    rope: &'a RotaryEmbedding,
    /// Positions filled, `[1]`.
    start: Tensor<1, Int>,
}

impl<'a> Step<'a> {
    /// A step after `start` positions.
    pub fn new(rope: &'a RotaryEmbedding, start: usize, device: &Device) -> Self {
        let start = Tensor::from_data(TensorData::from([start as i32]), device);
        Self { rope, start }
    }
}

impl PackedBlock {
    /// Takes the block's tensors, if its matrices stand in blocks, those that are multiplied by at once as one.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Option<Self>, ParameterError> {
        let wide = config.query_heads * config.head_width;
        let narrow = config.key_value_heads * config.head_width;
        let (width, hidden) = (config.width, config.feed_forward);
        let matrices = [
            ("attention.inputs", [wide + 2 * narrow, width]),
            ("attention.output", [width, wide]),
            ("feed_forward.gated", [2 * hidden, width]),
            ("feed_forward.down", [width, hidden]),
        ]
        .map(|(part, shape)| (format!("{name}.{part}"), shape));
        if !matrices
            .iter()
            .all(|(name, _)| parameters.is_quantised(name))
        {
            return Ok(None);
        }
        let [inputs, output, gated, down] = matrices;
        let inputs = parameters.take_adapted(&inputs.0, inputs.1, 3)?;
        let output = parameters.take_adapted(&output.0, output.1, 1)?;
        let gated = parameters.take_blocks(&gated.0, gated.1)?;
        let down = parameters.take_blocks(&down.0, down.1)?;
        let mut norm = |part: &str| -> Result<Norm, ParameterError> {
            Ok(Norm {
                weight: parameters.take(&format!("{name}.{part}"), [width])?,
                epsilon: config.norm_epsilon,
            })
        };
        Ok(Some(Self {
            attention_norm: norm("attention_norm")?,
            inputs,
            output,
            feed_forward_norm: norm("feed_forward_norm")?,
            gated,
            down,
        }))
    }

    /// The next positions of a sequence. Gives the cache, which has them then, and the evidence.
    ///
    /// # Shapes
    ///
    /// - input and output: `[seq_len, width]`
    /// - `cache`: `[2, heads, capacity, cache_row]`, `evidence`: `[query_heads, capacity]` or `[1, 1]` where it is not wanted
    pub fn extend(
        &self,
        x: Tensor<2>,
        step: &Step<'_>,
        cache: Tensor<4>,
        evidence: Tensor<2>,
    ) -> (Tensor<2>, Tensor<4>, Tensor<2>) {
        let norm = &self.attention_norm;
        let (query, cache) =
            self.inputs
                .attention_inputs(x.clone(), norm, &step.rope.table, cache, &step.start);
        let (mixed, evidence) = cached_attention(query, &cache, &step.start, evidence);
        let x = self.output.product_onto(mixed, x);
        let hidden = self.gated.gated(x.clone(), &self.feed_forward_norm);
        (self.down.product_onto(hidden, x), cache, evidence)
    }
}
