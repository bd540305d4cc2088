//! The model: picture encoder, connector and decoder. One code for native programs, the browser, both back ends and training.

pub mod config;
pub mod connector;
pub mod decoder;
mod parameters;
pub mod vision;

use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData};

pub use self::config::ModelConfig;
use self::connector::Connector;
use self::decoder::Decoder;
#[cfg(feature = "train")]
pub(crate) use self::parameters::trainable;
pub use self::parameters::{Matrix, ParameterError, Parameters};
use self::vision::Vision;
use crate::text::template::Position;

/// The three parts together.
#[derive(Module, Debug)]
pub struct LinkContextModel {
    /// Squares to maps.
    pub vision: Vision,
    /// Features to visual tokens.
    pub connector: Connector,
    /// Visual tokens and words to the next word.
    pub decoder: Decoder,
}

impl LinkContextModel {
    /// Takes every tensor of the model.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(config: &ModelConfig, parameters: &mut Parameters) -> Result<Self, ParameterError> {
        Ok(Self {
            vision: Vision::take(&config.vision, parameters)?,
            connector: Connector::take(config, parameters)?,
            decoder: Decoder::take(&config.decoder, parameters)?,
        })
    }

    /// Pictures to the features that the connector reads.
    ///
    /// # Shapes
    ///
    /// - input: `[pictures, 3, image_size, image_size]`, `(x - 127) / 128`
    /// - output: `[pictures, parts, head_channels]`
    pub fn features(&self, pixels: Tensor<4>) -> Tensor<3> {
        self.vision.features(pixels)
    }

    /// Lays words and visual tokens out in the order of a sequence, or of several, one after the other.
    ///
    /// # Shapes
    ///
    /// - `visual`: `[pictures, visual_tokens, width]`, what the connector gave for the pictures that `positions` names
    /// - output: `[positions, width]`
    pub fn assemble(&self, visual: Tensor<3>, positions: &[Position]) -> Tensor<2> {
        let [pictures, parts, width] = visual.dims();
        let device = visual.device();
        // One table of all rows that occur, words first, then one gather: two operations however long the sequence.
        let tokens: Vec<i32> = positions
            .iter()
            .filter_map(|position| match position {
                Position::Token(token) => Some(*token as i32),
                Position::Visual { .. } => None,
            })
            .collect();
        let words = tokens.len();
        let mut next_word = 0;
        let rows: Vec<i32> = positions
            .iter()
            .map(|position| match position {
                Position::Token(_) => {
                    next_word += 1;
                    next_word - 1
                }
                Position::Visual { picture, part } => (words + picture * parts + part) as i32,
            })
            .collect();
        let ints = |values: Vec<i32>| {
            let length = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), &device)
        };
        let visual = visual.reshape([pictures * parts, width]);
        let table = if words == 0 {
            visual
        } else {
            Tensor::cat(vec![self.decoder.embed(ints(tokens)), visual], 0)
        };
        table.select(0, ints(rows))
    }
}
