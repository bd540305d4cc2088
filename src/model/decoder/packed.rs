//! A decoder block on matrices that stay as they were quantised.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::rope::RotaryEmbedding;
use crate::kernels::{Norm, QuantisedMatrix, cached_attention};
use crate::model::config::DecoderConfig;
use crate::model::parameters::{ParameterError, Parameters};

/// One decoder block.
#[derive(Module, Debug)]
pub(super) struct PackedBlock {
    attention_norm: Norm,
    /// Queries, keys and values.
    inputs: QuantisedMatrix,
    output: QuantisedMatrix,
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
    /// Takes the block's tensors, if its matrices stand in blocks, and those that are multiplied together in blocks of one form.
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
        let inputs = [
            ("attention.query", [wide, width]),
            ("attention.key", [narrow, width]),
            ("attention.value", [narrow, width]),
        ];
        let gated = [
            ("feed_forward.gate", [hidden, width]),
            ("feed_forward.up", [hidden, width]),
        ];
        let output = [("attention.output", [width, wide])];
        let down = [("feed_forward.down", [width, hidden])];
        let alike = |parts: &[(&str, [usize; 2])]| {
            let form = |part: &str| parameters.blocks(&format!("{name}.{part}"));
            let first = parts.first().and_then(|(part, _)| form(part));
            first.is_some() && parts.iter().all(|(part, _)| form(part) == first)
        };
        if ![&inputs[..], &gated, &output, &down].into_iter().all(alike) {
            return Ok(None);
        }
        let mut take = |parts: &[(&str, [usize; 2])]| {
            let matrices = parts
                .iter()
                .map(|(part, shape)| parameters.take_blocks(&format!("{name}.{part}"), *shape));
            let matrices = matrices.collect::<Result<Vec<_>, _>>()?;
            QuantisedMatrix::stack(matrices).ok_or_else(|| ParameterError::Form(name.to_owned()))
        };
        let (inputs, gated) = (take(&inputs)?, take(&gated)?);
        let (output, down) = (take(&output)?, take(&down)?);
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
    /// - `cache`: `[2, heads, capacity, head_width]`, `evidence`: `[query_heads, capacity]` or `[1, 1]` where it is not wanted
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
