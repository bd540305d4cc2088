//! The model: picture encoder, connector and decoder. One code for native programs, the browser, both back ends and training.

pub mod config;
pub mod connector;
pub mod decoder;
mod parameters;
pub mod vision;

use burn::module::Module;
use burn::tensor::Tensor;

pub use self::config::ModelConfig;
use self::connector::Connector;
use self::decoder::Decoder;
pub use self::parameters::{ParameterError, Parameters};
use self::vision::Vision;

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
    /// - output: `[pictures, visual_tokens, head_channels]`
    pub fn features(&self, pixels: Tensor<4>) -> Tensor<3> {
        vision::pool(self.vision.forward(pixels))
    }
}
