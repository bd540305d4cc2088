//! EfficientNet-Lite: a square of pixels in, a map of features out.
//!
//! Batch norm is folded into the convolutions when the weights are read, so a layer here is a convolution with a bias. Padding is
//! TensorFlow's SAME: at stride 2 the extra row and column stand at the end.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::config::VisionConfig;
use super::parameters::{ParameterError, Parameters};

/// A convolution with a bias and SAME padding.
#[derive(Module, Debug)]
struct Convolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    groups: usize,
}

impl Convolution {
    fn take(
        parameters: &mut Parameters,
        name: &str,
        [out, input, kernel]: [usize; 3],
        stride: usize,
        groups: usize,
    ) -> Result<Self, ParameterError> {
        let weight = parameters.take(
            &format!("{name}.weight"),
            [out, input / groups, kernel, kernel],
        )?;
        let bias = parameters.take(&format!("{name}.bias"), [out])?;
        Ok(Self {
            weight,
            bias,
            stride,
            groups,
        })
    }

    /// # Shapes
    ///
    /// - input: `[batch_size, channels_in, height, width]`
    /// - output: `[batch_size, channels_out, ceil(height / stride), ceil(width / stride)]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch_size, channels, height, width] = x.dims();
        let [out, _, kernel, _] = self.weight.dims();
        if kernel == 1 && self.stride == 1 && self.groups == 1 {
            // A pointwise convolution is a matrix product, which every back end does better.
            let weight = self.weight.clone().reshape([1, out, channels]);
            let y = weight.matmul(x.reshape([batch_size, channels, height * width]));
            let y = y.reshape([batch_size, out, height, width]);
            return y + self.bias.clone().reshape([1, out, 1, 1]);
        }
        let padding = [
            same_padding(height, kernel, self.stride),
            same_padding(width, kernel, self.stride),
        ];
        let mut options = ConvOptions::new([self.stride; 2], [0; 2], [1; 2], self.groups);
        options.padding = padding;
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

/// Pixels to add before and after, as TensorFlow's SAME does.
fn same_padding(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
    (total / 2, total - total / 2)
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// An inverted residual block (MobileNetV2, Sandler et al. 2018).
#[derive(Module, Debug)]
struct Block {
    expand: Option<Convolution>,
    depthwise: Convolution,
    project: Convolution,
    residual: bool,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut y = x.clone();
        if let Some(expand) = &self.expand {
            y = relu6(expand.forward(y));
        }
        let y = self.project.forward(relu6(self.depthwise.forward(y)));
        if self.residual { y + x } else { y }
    }
}

/// The picture encoder. Built by [`Vision::take`].
#[derive(Module, Debug)]
pub struct Vision {
    stem: Convolution,
    blocks: Vec<Block>,
    head: Convolution,
}

impl Vision {
    /// Takes the encoder's tensors (`vision.*`).
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &VisionConfig,
        parameters: &mut Parameters,
    ) -> Result<Self, ParameterError> {
        let mut channels = config.stem_channels;
        let stem = Convolution::take(parameters, "vision.stem", [channels, 3, 3], 2, 1)?;
        let mut blocks = Vec::new();
        for stage in &config.stages {
            for repeat in 0..stage.repeats {
                let name = format!("vision.blocks.{}", blocks.len());
                let stride = if repeat == 0 { stage.stride } else { 1 };
                let wide = channels * stage.expand;
                let expand = (stage.expand > 1)
                    .then(|| {
                        let name = format!("{name}.expand");
                        Convolution::take(parameters, &name, [wide, channels, 1], 1, 1)
                    })
                    .transpose()?;
                let depthwise = Convolution::take(
                    parameters,
                    &format!("{name}.depthwise"),
                    [wide, wide, stage.kernel],
                    stride,
                    wide,
                )?;
                let project = Convolution::take(
                    parameters,
                    &format!("{name}.project"),
                    [stage.channels, wide, 1],
                    1,
                    1,
                )?;
                let residual = stride == 1 && channels == stage.channels;
                blocks.push(Block {
                    expand,
                    depthwise,
                    project,
                    residual,
                });
                channels = stage.channels;
            }
        }
        let head = Convolution::take(
            parameters,
            "vision.head",
            [config.head_channels, channels, 1],
            1,
            1,
        )?;
        Ok(Self { stem, blocks, head })
    }

    /// Encodes squares.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, 3, image_size, image_size]`, `(x - 127) / 128`
    /// - output: `[batch_size, head_channels, image_size / 32, image_size / 32]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let mut x = relu6(self.stem.forward(pixels));
        for block in &self.blocks {
            x = block.forward(x);
        }
        relu6(self.head.forward(x))
    }
}

/// Pools a map into the vectors that become visual tokens: the mean of the whole map, then of its four overlapping quadrants (top left,
/// top right, bottom left, bottom right), each over half of the map rounded up.
///
/// # Shapes
///
/// - input: `[batch_size, channels, height, width]`
/// - output: `[batch_size, 5, channels]`
pub fn pool(map: Tensor<4>) -> Tensor<3> {
    let [batch_size, channels, height, width] = map.dims();
    let (half_height, half_width) = (height.div_ceil(2), width.div_ceil(2));
    let mean = |part: Tensor<4>| {
        let [_, _, h, w] = part.dims();
        part.reshape([batch_size, channels, h * w])
            .mean_dim(2)
            .reshape([batch_size, 1, channels])
    };
    let quadrant = |top: usize, left: usize| {
        map.clone().slice([
            0..batch_size,
            0..channels,
            top..top + half_height,
            left..left + half_width,
        ])
    };
    let (bottom, right) = (height - half_height, width - half_width);
    let parts = vec![
        mean(map.clone()),
        mean(quadrant(0, 0)),
        mean(quadrant(0, right)),
        mean(quadrant(bottom, 0)),
        mean(quadrant(bottom, right)),
    ];
    Tensor::cat(parts, 1)
}

#[cfg(test)]
mod tests {
    use super::same_padding;

    #[test]
    fn padding_is_asymmetric_at_stride_two() {
        assert_eq!(same_padding(224, 3, 2), (0, 1));
        assert_eq!(same_padding(56, 5, 2), (1, 2));
        assert_eq!(same_padding(7, 5, 1), (2, 2));
        assert_eq!(same_padding(65, 3, 2), (1, 1));
    }
}
