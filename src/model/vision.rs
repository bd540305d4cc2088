//! EfficientNet-Lite: a square of pixels in, a map of features out.
//!
//! Batch norm is folded into the convolutions when the weights are read, so a layer here is a convolution with a bias. Padding is
//! TensorFlow's SAME: at stride 2 the extra row and column stand at the end.

use std::mem;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::config::VisionConfig;
use super::parameters::{ParameterError, Parameters};
use crate::kernels::convolutions::{expanded_depthwise, parts, quadrants, same_padding, windows};
use crate::kernels::{ChannelFilters, Filters};

/// A convolution that sees all channels, with a bias and SAME padding.
#[derive(Module, Debug)]
struct Convolution {
    filters: FullFilters,
    bias: Tensor<1>,
    kernel: usize,
    stride: usize,
}

/// A convolution with a filter a channel.
#[derive(Module, Debug)]
struct Depthwise {
    filters: DepthwiseFilters,
    bias: Tensor<1>,
    stride: usize,
}

/// Filters in one of two forms.
#[derive(Module, Debug)]
enum FullFilters {
    /// `[out, input, kernel, kernel]`, for Burn's operations: for training, and as what the other is held against. Maps are then
    /// `[pictures, channels, height, width]`.
    Dense(Tensor<4>),
    /// For our kernels; maps are then `[pictures, height, width, padded(channels)]`.
    Packed(Filters),
}

/// As [`FullFilters`], with a filter a channel.
#[derive(Module, Debug)]
enum DepthwiseFilters {
    Dense(Tensor<4>),
    Packed(ChannelFilters),
}

impl Convolution {
    fn take(
        parameters: &mut Parameters,
        name: &str,
        [out, input, kernel]: [usize; 3],
        stride: usize,
    ) -> Result<Self, ParameterError> {
        let (weight, shape) = (format!("{name}.weight"), [out, input, kernel, kernel]);
        let filters = if parameters.is_for_kernels() {
            FullFilters::Packed(parameters.take_filters(&weight, shape)?)
        } else {
            FullFilters::Dense(parameters.take(&weight, shape)?)
        };
        Ok(Self {
            filters,
            bias: parameters.take(&format!("{name}.bias"), [out])?,
            kernel,
            stride,
        })
    }

    /// With ReLU6.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.filters {
            FullFilters::Dense(weight) => relu6(self.dense(weight, x)),
            FullFilters::Packed(filters) if self.kernel == 1 => filters.pointwise(x, &self.bias),
            FullFilters::Packed(filters) => {
                filters.pointwise(windows(x, self.kernel, self.stride), &self.bias)
            }
        }
    }

    /// Without, onto `residual` where there is one. Of a pixel each.
    fn forward_onto(&self, x: Tensor<4>, residual: Option<Tensor<4>>) -> Tensor<4> {
        match &self.filters {
            FullFilters::Dense(weight) => {
                let y = self.dense(weight, x);
                match residual {
                    Some(residual) => y + residual,
                    None => y,
                }
            }
            FullFilters::Packed(filters) => filters.pointwise_onto(x, &self.bias, residual),
        }
    }

    fn dense(&self, weight: &Tensor<4>, x: Tensor<4>) -> Tensor<4> {
        if self.kernel > 1 {
            return convolve(x, weight, &self.bias, self.stride, 1);
        }
        // A pointwise convolution is a matrix product, which every back end does better.
        let [batch_size, channels, height, width] = x.dims();
        let [out, _, _, _] = weight.dims();
        let weight = weight.clone().reshape([1, out, channels]);
        let y = weight.matmul(x.reshape([batch_size, channels, height * width]));
        let y = y.reshape([batch_size, out, height, width]);
        y + self.bias.clone().reshape([1, out, 1, 1])
    }
}

impl Depthwise {
    fn take(
        parameters: &mut Parameters,
        name: &str,
        [channels, kernel]: [usize; 2],
        stride: usize,
    ) -> Result<Self, ParameterError> {
        let (weight, shape) = (format!("{name}.weight"), [channels, 1, kernel, kernel]);
        let filters = if parameters.is_for_kernels() {
            DepthwiseFilters::Packed(parameters.take_channel_filters(&weight, shape)?)
        } else {
            DepthwiseFilters::Dense(parameters.take(&weight, shape)?)
        };
        Ok(Self {
            filters,
            bias: parameters.take(&format!("{name}.bias"), [channels])?,
            stride,
        })
    }

    /// With ReLU6.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.filters {
            DepthwiseFilters::Dense(weight) => {
                let [channels] = self.bias.dims();
                relu6(convolve(x, weight, &self.bias, self.stride, channels))
            }
            DepthwiseFilters::Packed(filters) => filters.depthwise(x, &self.bias, self.stride),
        }
    }

    /// Of what `expand` makes, both with ReLU6.
    fn forward_expanded(&self, expand: &Convolution, x: Tensor<4>) -> Tensor<4> {
        match (&expand.filters, &self.filters) {
            (FullFilters::Packed(full), DepthwiseFilters::Packed(each)) => {
                expanded_depthwise(x, (full, &expand.bias), (each, &self.bias), self.stride)
            }
            _ => self.forward(expand.forward(x)),
        }
    }
}

/// A convolution of Burn's with SAME padding.
fn convolve(
    x: Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    stride: usize,
    groups: usize,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let [_, _, kernel, _] = weight.dims();
    let mut options = ConvOptions::new([stride; 2], [0; 2], [1; 2], groups);
    options.padding = [height, width].map(|size| same_padding(size, kernel, stride));
    conv2d(x, weight.clone(), Some(bias.clone()), options)
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// An inverted residual block (MobileNetV2, Sandler et al. 2018).
#[derive(Module, Debug)]
struct Block {
    expand: Option<Convolution>,
    depthwise: Depthwise,
    project: Convolution,
    residual: bool,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let residual = self.residual.then(|| x.clone());
        let y = match &self.expand {
            Some(expand) => self.depthwise.forward_expanded(expand, x),
            None => self.depthwise.forward(x),
        };
        self.project.forward_onto(y, residual)
    }
}

/// The picture encoder. Built by [`Vision::take`].
#[derive(Module, Debug)]
pub struct Vision {
    stem: Convolution,
    /// All blocks.
    tail: Tail,
}

/// The picture encoder's last blocks and its head. Built by [`Tail::take`].
#[derive(Module, Debug)]
pub struct Tail {
    blocks: Vec<Block>,
    head: Convolution,
}

impl Tail {
    /// Takes the tensors of the blocks from number `first` on, and the head's.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &VisionConfig,
        parameters: &mut Parameters,
        first: usize,
    ) -> Result<Self, ParameterError> {
        let mut channels = config.stem_channels;
        let mut blocks = Vec::new();
        for (index, (stage, stride)) in config.blocks().enumerate() {
            let input = mem::replace(&mut channels, stage.channels);
            if index < first {
                continue;
            }
            let name = format!("vision.blocks.{index}");
            let wide = input * stage.expand;
            let expand = (stage.expand > 1)
                .then(|| {
                    let name = format!("{name}.expand");
                    Convolution::take(parameters, &name, [wide, input, 1], 1)
                })
                .transpose()?;
            let depthwise = Depthwise::take(
                parameters,
                &format!("{name}.depthwise"),
                [wide, stage.kernel],
                stride,
            )?;
            let project = Convolution::take(
                parameters,
                &format!("{name}.project"),
                [channels, wide, 1],
                1,
            )?;
            blocks.push(Block {
                expand,
                depthwise,
                project,
                residual: stride == 1 && input == channels,
            });
        }
        let head = Convolution::take(
            parameters,
            "vision.head",
            [config.head_channels, channels, 1],
            1,
        )?;
        Ok(Self { blocks, head })
    }

    /// The mean of the encoder's map of each picture: the first of its [features](Vision::features).
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, channels, rows, columns]`, the map before the first of its blocks
    /// - output: `[batch_size, head_channels]`
    pub fn means(&self, map: Tensor<4>) -> Tensor<2> {
        let map = self.forward(map);
        let [batch_size, channels, height, width] = map.dims();
        let map = map.reshape([batch_size, channels, height * width]);
        map.mean_dim(2).reshape([batch_size, channels])
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.head.forward(x)
    }
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
        let stem = Convolution::take(parameters, "vision.stem", [config.stem_channels, 3, 3], 2)?;
        let tail = Tail::take(config, parameters, 0)?;
        Ok(Self { stem, tail })
    }

    /// Squares to what becomes visual tokens: the mean of the encoder's map, then of its four overlapping quadrants (top left, top right,
    /// bottom left, bottom right), each over half of the map rounded up.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, 3, image_size, image_size]`, `(x - 127) / 128`
    /// - output: `[batch_size, 5, head_channels]`
    pub fn features(&self, pixels: Tensor<4>) -> Tensor<3> {
        // For our kernels the map's channels stand last, padded.
        let map = self.tail.forward(self.stem.forward(pixels));
        let head = &self.tail.head;
        match head.filters {
            FullFilters::Dense(_) => pool(map),
            FullFilters::Packed(_) => {
                let [channels] = head.bias.dims();
                quadrants(map, channels)
            }
        }
    }

    /// The map before block number `block`.
    ///
    /// # Shapes
    ///
    /// - input: as of [`Vision::features`]
    /// - output: `[batch_size, channels, rows, columns]`
    pub fn map_before(&self, block: usize, pixels: Tensor<4>) -> Tensor<4> {
        let blocks = || self.tail.blocks.iter().take(block);
        let map = blocks().fold(self.stem.forward(pixels), |x, block| block.forward(x));
        let last = blocks()
            .next_back()
            .map_or(&self.stem, |block| &block.project);
        match last.filters {
            FullFilters::Dense(_) => map,
            FullFilters::Packed(_) => {
                let [channels] = last.bias.dims();
                map.permute([0, 3, 1, 2]).narrow(1, 0, channels)
            }
        }
    }
}

/// Pools a map into means of its parts.
///
/// # Shapes
///
/// - input: `[batch_size, channels, height, width]`
/// - output: `[batch_size, 5, channels]`
fn pool(map: Tensor<4>) -> Tensor<3> {
    let [batch_size, channels, height, width] = map.dims();
    let mean = |[top, left, rows, columns]: [usize; 4]| {
        let seen = [
            0..batch_size,
            0..channels,
            top..top + rows,
            left..left + columns,
        ];
        map.clone()
            .slice(seen)
            .reshape([batch_size, channels, rows * columns])
            .mean_dim(2)
            .reshape([batch_size, 1, channels])
    };
    Tensor::cat(parts(height, width).map(mean).to_vec(), 1)
}
