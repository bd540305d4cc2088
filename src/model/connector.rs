//! Picture features to tokens of the decoder.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::config::ModelConfig;
use super::parameters::{ParameterError, Parameters, trainable};

/// Variance floor of the layer norm.
const NORM_EPSILON: f64 = 1e-5;

/// `LayerNorm(Linear((features - mean) / deviation)) * gain + position`.
///
/// The gain is learned and starts small, so that a visual token has about the size of a word's embedding.
#[derive(Module, Debug)]
pub struct Connector {
    mean: Tensor<1>,
    deviation: Tensor<1>,
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    norm_weight: Param<Tensor<1>>,
    norm_bias: Param<Tensor<1>>,
    gain: Param<Tensor<1>>,
    position: Param<Tensor<2>>,
}

impl Connector {
    /// Takes the connector's tensors (`connector.*`).
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(config: &ModelConfig, parameters: &mut Parameters) -> Result<Self, ParameterError> {
        let (features, width) = (config.vision.head_channels, config.decoder.width);
        let tokens = config.connector.visual_tokens;
        Ok(Self {
            mean: parameters.take("connector.mean", [features])?,
            deviation: parameters.take("connector.deviation", [features])?,
            weight: learned(parameters, "connector.projection.weight", [width, features])?,
            bias: learned(parameters, "connector.projection.bias", [width])?,
            norm_weight: learned(parameters, "connector.norm.weight", [width])?,
            norm_bias: learned(parameters, "connector.norm.bias", [width])?,
            gain: learned(parameters, "connector.gain", [1])?,
            position: learned(parameters, "connector.position", [tokens, width])?,
        })
    }

    /// # Shapes
    ///
    /// - input: `[pictures, visual_tokens, features]`
    /// - output: `[pictures, visual_tokens, width]`
    pub fn forward(&self, features: Tensor<3>) -> Tensor<3> {
        let [pictures, tokens, channels] = features.dims();
        let x = (features - self.mean.clone().reshape([1, 1, channels]))
            / self.deviation.clone().reshape([1, 1, channels]);
        let x = x
            .reshape([pictures * tokens, channels])
            .matmul(self.weight.val().transpose());
        let [_, width] = x.dims();
        let x = x + self.bias.val().reshape([1, width]);
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let x = centred / (variance + NORM_EPSILON).sqrt();
        let x = x * self.norm_weight.val().reshape([1, width])
            + self.norm_bias.val().reshape([1, width]);
        let x = x * self.gain.val().reshape([1, 1]);
        x.reshape([pictures, tokens, width]) + self.position.val().reshape([1, tokens, width])
    }

    /// The tensors of the adapter file, by name.
    pub fn named_tensors(&self) -> Vec<(String, Tensor<1>, Vec<usize>)> {
        fn flat<const D: usize>(name: &str, x: Tensor<D>) -> (String, Tensor<1>, Vec<usize>) {
            let shape = x.dims().to_vec();
            (format!("connector.{name}"), x.flatten(0, D - 1), shape)
        }
        vec![
            flat("mean", self.mean.clone()),
            flat("deviation", self.deviation.clone()),
            flat("projection.weight", self.weight.val()),
            flat("projection.bias", self.bias.val()),
            flat("norm.weight", self.norm_weight.val()),
            flat("norm.bias", self.norm_bias.val()),
            flat("gain", self.gain.val()),
            flat("position", self.position.val()),
        ]
    }
}

fn learned<const D: usize>(
    parameters: &mut Parameters,
    name: &str,
    shape: [usize; D],
) -> Result<Param<Tensor<D>>, ParameterError> {
    Ok(trainable(name, parameters.take(name, shape)?))
}
