//! Convolutions of a picture encoder on maps whose channels lie side by side, each with its bias and its limit in one operation.
//!
//! Channels are padded to whole blocks: every map has zeros in the rest, and every weight too, so that no kernel has an edge to look after.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::quantised::BLOCK;
use crate::weights::HostTensor;

/// Largest magnitude of a weight as an integer.
pub(super) const LARGEST_WEIGHT: f32 = 8191.0;

/// The operations, on the back ends' own tensors. Filters are `[out, 1 + input / 2]` words, see [`Filters`]; a bias has as many channels as
/// there are, the rest are zero.
#[backend_extension(Flex, Cube: cfg(feature = "webgpu"))]
pub trait Convolutions: Backend {
    /// The pixels under a square window at every place where one is put, window after window, as the filters have them: channels, then
    /// rows, then columns. Padding is TensorFlow's SAME.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[pictures, channels, height, width]`
    /// - output: `[pictures, ceil(height / stride), ceil(width / stride), padded(channels * kernel * kernel)]`
    fn windows(pixels: FloatTensor<Self>, kernel: usize, stride: usize) -> FloatTensor<Self>;

    /// `x Wᵀ + bias`, no less than 0 and no more than 6 (ReLU6).
    ///
    /// # Shapes
    ///
    /// - `x`: `[pictures, height, width, input]`
    /// - `words`: `[out, ..]`, `bias`: `[channels]`
    /// - output: `[pictures, height, width, out]`
    fn pointwise(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `x Wᵀ + bias`.
    ///
    /// # Shapes
    ///
    /// As [`Convolutions::pointwise`].
    fn pointwise_linear(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `residual + x Wᵀ + bias`.
    ///
    /// # Shapes
    ///
    /// As [`Convolutions::pointwise`]; `residual` as the output.
    fn pointwise_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// A filter a channel, with bias, ReLU6 and SAME padding.
    ///
    /// # Shapes
    ///
    /// - `x`: `[pictures, height, width, channels]`
    /// - `weight`: `[kernel * kernel, channels]`
    /// - output: `[pictures, ceil(height / stride), ceil(width / stride), channels]`
    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self>;

    /// [`Convolutions::pointwise`], then [`Convolutions::depthwise`].
    ///
    /// # Shapes
    ///
    /// - `x`: `[pictures, height, width, input]`
    /// - `words`: `[channels, ..]`, `weight`: `[kernel * kernel, channels]`
    /// - output: `[pictures, ceil(height / stride), ceil(width / stride), channels]`
    fn expanded_depthwise(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        depthwise_bias: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        Self::depthwise(
            Self::pointwise(x, words, bias),
            weight,
            depthwise_bias,
            stride,
        )
    }

    /// The mean of a map and of its four overlapping quadrants.
    ///
    /// # Shapes
    ///
    /// - `map`: `[pictures, height, width, padded(channels)]`
    /// - output: `[pictures, 5, channels]`
    fn quadrants(map: FloatTensor<Self>, channels: usize) -> FloatTensor<Self>;
}

/// `channels` and as many zeros that blocks are whole.
pub const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(BLOCK)
}

/// Pixels to add before and after, as TensorFlow's SAME does: of an odd number the larger half stands at the end.
pub const fn same_padding(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
    (total / 2, total - total / 2)
}

/// Parts of a map: first row, first column, rows and columns of the whole and of its quadrants (top left, top right, bottom left, bottom
/// right), each of which has half of the rows and columns, rounded up.
pub const fn parts(height: usize, width: usize) -> [[usize; 4]; 5] {
    let (rows, columns) = (height.div_ceil(2), width.div_ceil(2));
    let (bottom, right) = (height - rows, width - columns);
    [
        [0, 0, height, width],
        [0, 0, rows, columns],
        [0, right, rows, columns],
        [bottom, 0, rows, columns],
        [bottom, right, rows, columns],
    ]
}

/// The filters of a convolution that sees all channels, as a matrix of integers with a scale a row.
///
/// A row is its scale in single precision, then its weights as 16-bit integers of at most 8,191, two a word: with activations of the same
/// size, a block of 32 products can be added up in 32 bits.
#[derive(Module, Debug)]
pub struct Filters {
    words: Tensor<2, Int>,
}

/// The filters of a convolution that has one for each channel.
#[derive(Module, Debug)]
pub struct ChannelFilters {
    /// `[kernel * kernel, padded(channels)]`.
    weight: Tensor<2>,
}

impl Filters {
    /// Rounds filters and copies them to the device. `[out, input, kernel, kernel]` becomes `padded(out)` rows of
    /// `padded(input * kernel * kernel)` weights.
    pub fn new(filters: &HostTensor, device: &Device) -> Self {
        let out = filters.shape.first().copied().unwrap_or(0);
        let input = filters.data.len() / out.max(1);
        let row_words = 1 + padded(input) / 2;
        let mut words = vec![0; padded(out) * row_words];
        for (row, weights) in words
            .chunks_exact_mut(row_words)
            .zip(filters.data.chunks_exact(input.max(1)))
        {
            let largest = weights
                .iter()
                .fold(0.0_f32, |most, weight| most.max(weight.abs()));
            let scale = largest / LARGEST_WEIGHT;
            row[0] = scale.to_bits().cast_signed();
            if largest > 0.0 {
                for (word, pair) in row[1..].iter_mut().zip(weights.chunks(2)) {
                    let half = |at: usize| {
                        let weight = pair.get(at).copied().unwrap_or(0.0);
                        ((weight / scale).round_ties_even() as i16).cast_unsigned()
                    };
                    *word = i32::from_le_bytes(bytemuck::cast([half(0).to_le(), half(1).to_le()]));
                }
            }
        }
        let words = TensorData::new(words, [padded(out), row_words]);
        Self {
            words: Tensor::from_data(words, device),
        }
    }

    /// Every pixel by itself, with its limits (ReLU6).
    ///
    /// # Shapes
    ///
    /// - input: `[pictures, height, width, padded(input)]`, `bias`: `[out]`
    /// - output: `[pictures, height, width, padded(out)]`
    pub fn pointwise(&self, x: Tensor<4>, bias: &Tensor<1>) -> Tensor<4> {
        Tensor::from_dispatch(<Dispatch as Convolutions>::pointwise(
            x.into_dispatch(),
            self.words.clone().into_dispatch(),
            bias.clone().into_dispatch(),
        ))
    }

    /// The same without limits, onto `residual` where there is one.
    ///
    /// # Shapes
    ///
    /// As [`Filters::pointwise`]; `residual` as the output.
    pub fn pointwise_onto(
        &self,
        x: Tensor<4>,
        bias: &Tensor<1>,
        residual: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let (x, words) = (x.into_dispatch(), self.words.clone().into_dispatch());
        let bias = bias.clone().into_dispatch();
        Tensor::from_dispatch(match residual {
            Some(residual) => {
                <Dispatch as Convolutions>::pointwise_onto(x, words, bias, residual.into_dispatch())
            }
            None => <Dispatch as Convolutions>::pointwise_linear(x, words, bias),
        })
    }
}

impl ChannelFilters {
    /// Copies filters to the device, channels side by side. `[channels, 1, kernel, kernel]`.
    pub fn new(filters: &HostTensor, device: &Device) -> Self {
        let channels = filters.shape.first().copied().unwrap_or(0);
        let taps = filters.data.len() / channels.max(1);
        let mut weight = vec![0.0; taps * padded(channels)];
        for (channel, filter) in filters.data.chunks_exact(taps.max(1)).enumerate() {
            for (tap, value) in filter.iter().enumerate() {
                weight[tap * padded(channels) + channel] = *value;
            }
        }
        let weight = TensorData::new(weight, [taps, padded(channels)]);
        Self {
            weight: Tensor::from_data(weight, device),
        }
    }

    /// Every channel by itself, with bias, SAME padding and limits (ReLU6).
    ///
    /// # Shapes
    ///
    /// - input: `[pictures, height, width, padded(channels)]`, `bias`: `[channels]`
    /// - output: `[pictures, ceil(height / stride), ceil(width / stride), padded(channels)]`
    pub fn depthwise(&self, x: Tensor<4>, bias: &Tensor<1>, stride: usize) -> Tensor<4> {
        Tensor::from_dispatch(<Dispatch as Convolutions>::depthwise(
            x.into_dispatch(),
            self.weight.clone().into_dispatch(),
            bias.clone().into_dispatch(),
            stride,
        ))
    }
}

/// Every pixel by itself, then every channel by itself, both with their limits (ReLU6); see [`Convolutions::expanded_depthwise`].
///
/// # Shapes
///
/// - input: `[pictures, height, width, padded(input)]`; biases: `[channels]`
/// - output: `[pictures, ceil(height / stride), ceil(width / stride), padded(channels)]`
pub fn expanded_depthwise(
    x: Tensor<4>,
    (expand, bias): (&Filters, &Tensor<1>),
    (depthwise, depthwise_bias): (&ChannelFilters, &Tensor<1>),
    stride: usize,
) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Convolutions>::expanded_depthwise(
        x.into_dispatch(),
        expand.words.clone().into_dispatch(),
        bias.clone().into_dispatch(),
        depthwise.weight.clone().into_dispatch(),
        depthwise_bias.clone().into_dispatch(),
        stride,
    ))
}

/// See [`Convolutions::windows`].
pub fn windows(pixels: Tensor<4>, kernel: usize, stride: usize) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Convolutions>::windows(
        pixels.into_dispatch(),
        kernel,
        stride,
    ))
}

/// See [`Convolutions::quadrants`].
pub fn quadrants(map: Tensor<4>, channels: usize) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Convolutions>::quadrants(
        map.into_dispatch(),
        channels,
    ))
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
