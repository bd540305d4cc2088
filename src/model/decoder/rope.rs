//! Rotary position embedding in the rotate-half form (Su et al. 2021; the pairing of Llama in `transformers`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::model::config::DecoderConfig;

/// Cosines and sines of every position and channel.
#[derive(Module, Debug)]
pub struct RotaryEmbedding {
    cos: Tensor<2>,
    sin: Tensor<2>,
}

impl RotaryEmbedding {
    /// Tables for `config.context` positions.
    pub fn new(config: &DecoderConfig, device: &Device) -> Self {
        let half = config.head_width / 2;
        // In f64: at position 2047 an angle in f32 would be off by 1e-4.
        let table = |f: fn(f64) -> f64| {
            let mut values = Vec::with_capacity(config.context * config.head_width);
            for position in 0..config.context {
                for channel in 0..config.head_width {
                    let exponent = -((channel % half) as f64) / half as f64;
                    values.push(f(position as f64 * config.rope_base.powf(exponent)) as f32);
                }
            }
            Tensor::from_data(
                TensorData::new(values, [config.context, config.head_width]),
                device,
            )
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }

    /// Rotates queries or keys whose first position is `start`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch_size, heads, seq_len, head_width]`
    pub fn rotate(&self, x: Tensor<4>, start: usize) -> Tensor<4> {
        let [_, _, seq_len, width] = x.dims();
        let part = |table: &Tensor<2>| {
            table
                .clone()
                .slice([start..start + seq_len, 0..width])
                .reshape([1, 1, seq_len, width])
        };
        let first = x.clone().narrow(3, 0, width / 2);
        let second = x.clone().narrow(3, width / 2, width / 2);
        let turned = Tensor::cat(vec![second.neg(), first], 3);
        x * part(&self.cos) + turned * part(&self.sin)
    }
}
