//! Rotary position embedding in the rotate-half form (Su et al. 2021; the pairing of Llama in `transformers`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::model::config::DecoderConfig;

/// Cosines and sines of every position and pair of channels.
#[derive(Module, Debug)]
pub struct RotaryEmbedding {
    /// `[positions, head_width]`: cosines in the first half of a row, sines in the second.
    pub(super) table: Tensor<2>,
}

impl RotaryEmbedding {
    /// Tables for `config.context` positions.
    pub fn new(config: &DecoderConfig, device: &Device) -> Self {
        let half = config.head_width / 2;
        let mut values = Vec::with_capacity(config.context * config.head_width);
        for position in 0..config.context {
            for part in [f64::cos, f64::sin] {
                // In f64: at position 2047 an angle in f32 would be off by 1e-4.
                values.extend((0..half).map(|channel| {
                    let exponent = -(channel as f64) / half as f64;
                    part(position as f64 * config.rope_base.powf(exponent)) as f32
                }));
            }
        }
        let table = TensorData::new(values, [config.context, config.head_width]);
        Self {
            table: Tensor::from_data(table, device),
        }
    }

    /// Rotates queries or keys whose first position is `start`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch_size, heads, seq_len, head_width]`
    pub fn rotate(&self, x: Tensor<4>, start: usize) -> Tensor<4> {
        let [_, _, seq_len, width] = x.dims();
        let half = width / 2;
        let table = self.table.clone().narrow(0, start, seq_len);
        let part = |from| {
            let part = table.clone().narrow(1, from, half);
            part.reshape([1, 1, seq_len, half])
        };
        let (cos, sin) = (part(0), part(half));
        let (first, second) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
        let turned = [
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ];
        Tensor::cat(turned.into(), 3)
    }
}
