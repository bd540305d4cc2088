//! Convolutions on the CPU: products of integers where a convolution sees all channels, plain vectors where it has a filter for each.
//!
//! Of a map's rows (a pixel's channels) each is brought to 14 bits and a scale, as the filters are, see [`crate::kernels::Filters`].

use wide::{f32x4, f32x8, i16x8};

use super::integers::{LANES, OUTS, Rows, multiply};
use crate::kernels::convolutions::{LARGEST_WEIGHT, padded, parts, same_padding};
use crate::kernels::quantised::BLOCK;

/// Rows of a map that go through all filters before the next ones: they stay in the first cache.
const BAND: usize = 16;
/// Largest magnitude of an activation as an integer: that of a weight.
const LARGEST: f32 = LARGEST_WEIGHT;

/// The rows of filters: scales, and integers of `width` to a row.
struct FilterRows {
    integers: Vec<i16x8>,
    scales: Vec<f32>,
}

impl FilterRows {
    fn new(words: &[i32], width: usize) -> Self {
        let rows = words.chunks_exact(row_words(width));
        let mut filters = Self {
            integers: Vec::with_capacity(rows.len() * width / LANES),
            scales: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            filters.scales.push(f32::from_bits(row[0].cast_unsigned()));
            let (vectors, _) = row[1..].as_chunks::<{ LANES / 2 }>();
            filters.integers.extend(
                vectors
                    .iter()
                    .map(|vector| bytemuck::cast::<_, i16x8>(*vector)),
            );
        }
        filters
    }
}

/// A map's rows of `width` channels as integers.
pub(super) fn rows_of(x: &[f32], width: usize) -> Rows {
    Rows::new(x, width, width, LARGEST)
}

/// No less than 0 and no more than 6.
pub(super) fn relu6(sum: f32x4) -> f32x4 {
    sum.fast_max(f32x4::ZERO).fast_min(f32x4::splat(6.0))
}

/// `x Wᵀ + bias`, then `finish` on four outputs that begin at an index of the output. `out` is a multiple of four.
pub(super) fn product(
    rows: &Rows,
    width: usize,
    words: &[i32],
    bias: &[f32],
    finish: impl Fn(f32x4, usize) -> f32x4,
) -> Vec<f32> {
    let out = words.len() / row_words(width);
    let mut y = vec![0.0; rows.len() * out];
    product_into(rows, width, words, bias, finish, &mut y);
    y
}

/// Words of a row of filters.
const fn row_words(width: usize) -> usize {
    1 + width / 2
}

/// [`product`], into `y`.
fn product_into(
    rows: &Rows,
    width: usize,
    words: &[i32],
    bias: &[f32],
    finish: impl Fn(f32x4, usize) -> f32x4,
    y: &mut [f32],
) {
    let filters = FilterRows::new(words, width);
    let (count, out) = (rows.len(), filters.scales.len());
    let mut padded_bias = vec![0.0; out];
    for (padded, bias) in padded_bias.iter_mut().zip(bias) {
        *padded = *bias;
    }
    let vectors = width / LANES;
    for band in (0..count).step_by(BAND) {
        for column in (0..out).step_by(OUTS) {
            let weights: [&[i16x8]; OUTS] =
                std::array::from_fn(|at| &filters.integers[(column + at) * vectors..][..vectors]);
            let scales = four(&filters.scales[column..]);
            let bias = four(&padded_bias[column..]);
            multiply::<false>(rows, band..(band + BAND).min(count), weights, |row, sum| {
                let at = row * out + column;
                let sum = sum * scales + bias;
                y[at..at + OUTS].copy_from_slice(&finish(sum, at).to_array());
            });
        }
    }
}

fn four(values: &[f32]) -> f32x4 {
    f32x4::from([values[0], values[1], values[2], values[3]])
}

/// The sizes of a map, `[pictures, height, width, channels]`, and of what a window with a stride makes of it.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) pictures: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

impl Sizes {
    /// Rows and columns of the output.
    pub(super) const fn out(self) -> [usize; 2] {
        [
            self.height.div_ceil(self.stride),
            self.width.div_ceil(self.stride),
        ]
    }

    /// The rows of the window at an output row that lie on the map, each with the map's row. The same for columns with their size.
    fn taps(self, size: usize, at: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
        let (before, _) = same_padding(size, self.kernel, self.stride);
        (0..self.kernel).filter_map(move |tap| {
            let place = (at * self.stride + tap).checked_sub(before)?;
            (place < size).then_some((tap, place))
        })
    }
}

/// A filter a channel, with bias and ReLU6.
pub(super) fn depthwise(x: &[f32], weight: &[f32], bias: &[f32], sizes: Sizes) -> Vec<f32> {
    let [rows, columns] = sizes.out();
    let mut y = vec![0.0; sizes.pictures * rows * columns * sizes.channels];
    // A block of channels at a time, so that its filters stay in the first cache.
    for block in (0..sizes.channels).step_by(BLOCK) {
        let map = (&x[block..], sizes.channels);
        depthwise_block(map, weight, bias, sizes, block, &mut y);
    }
    y
}

/// [`depthwise`] of what ReLU6 leaves of `x Wᵀ + bias`, of which no more than a block of channels is there at a time: all of them are the
/// largest map of an encoder by far.
pub(super) fn expanded_depthwise(
    x: &Rows,
    input: usize,
    (words, bias): (&[i32], &[f32]),
    (weight, depthwise_bias): (&[f32], &[f32]),
    sizes: Sizes,
) -> Vec<f32> {
    let [rows, columns] = sizes.out();
    let mut map = vec![0.0; x.len() * BLOCK];
    let mut y = vec![0.0; sizes.pictures * rows * columns * sizes.channels];
    let blocks = words.chunks_exact(BLOCK * row_words(input));
    for (block, words) in (0..sizes.channels).step_by(BLOCK).zip(blocks) {
        let bias = bias.get(block..).unwrap_or_default();
        product_into(x, input, words, bias, |sum, _| relu6(sum), &mut map);
        depthwise_block((&map, BLOCK), weight, depthwise_bias, sizes, block, &mut y);
    }
    y
}

/// A block of channels of [`depthwise`], from the channel `block` on: the first of a pixel of `x`, of which each has so many values.
fn depthwise_block(
    (x, room): (&[f32], usize),
    weight: &[f32],
    bias: &[f32],
    sizes: Sizes,
    block: usize,
    y: &mut [f32],
) {
    const FOURS: usize = BLOCK / LANES;
    let Sizes {
        pictures,
        height,
        width,
        channels,
        kernel,
        ..
    } = sizes;
    let [rows, columns] = sizes.out();
    let vectors = |values: &[f32]| -> [f32x8; FOURS] {
        let (values, _) = values.as_chunks::<LANES>();
        std::array::from_fn(|at| f32x8::from(values[at]))
    };
    let filters: Vec<[f32x8; FOURS]> = weight
        .chunks_exact(channels)
        .map(|tap| vectors(&tap[block..block + BLOCK]))
        .collect();
    let mut start = [0.0; BLOCK];
    for (start, bias) in start.iter_mut().zip(bias.iter().skip(block)) {
        *start = *bias;
    }
    let start = vectors(&start);
    for picture in 0..pictures {
        let x = &x[picture * height * width * room..];
        let y = &mut y[picture * rows * columns * channels..];
        for row in 0..rows {
            for column in 0..columns {
                let mut sums = start;
                for (down, from_row) in sizes.taps(height, row) {
                    for (across, from_column) in sizes.taps(width, column) {
                        let at = (from_row * width + from_column) * room;
                        let values = vectors(&x[at..at + BLOCK]);
                        let filter = &filters[down * kernel + across];
                        for four in 0..FOURS {
                            sums[four] += values[four] * filter[four];
                        }
                    }
                }
                let at = (row * columns + column) * channels + block;
                for (four, sum) in sums.into_iter().enumerate() {
                    let sum = sum.fast_max(f32x8::ZERO).fast_min(f32x8::splat(6.0));
                    y[at + four * LANES..][..LANES].copy_from_slice(&sum.to_array());
                }
            }
        }
    }
}

/// The pixels under the window at every place; `x` has its channels one after the other.
pub(super) fn windows(x: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes {
        pictures,
        height,
        width,
        channels,
        kernel,
        ..
    } = sizes;
    let [rows, columns] = sizes.out();
    let room = padded(channels * kernel * kernel);
    let mut y = vec![0.0; pictures * rows * columns * room];
    let mut places = y.chunks_exact_mut(room);
    for picture in x.chunks_exact(channels * height * width) {
        for row in 0..rows {
            for (column, window) in (0..columns).zip(&mut places) {
                for channel in 0..channels {
                    for (down, from_row) in sizes.taps(height, row) {
                        for (across, from_column) in sizes.taps(width, column) {
                            window[(channel * kernel + down) * kernel + across] =
                                picture[(channel * height + from_row) * width + from_column];
                        }
                    }
                }
            }
        }
    }
    y
}

/// Means of the map and its quadrants; of `sizes.channels` in the map, the first `channels`.
pub(super) fn quadrants(map: &[f32], sizes: Sizes, channels: usize) -> Vec<f32> {
    let Sizes {
        pictures,
        height,
        width,
        channels: room,
        ..
    } = sizes;
    let mut y = Vec::with_capacity(pictures * 5 * channels);
    for map in map.chunks_exact(height * width * room) {
        for [top, left, rows, columns] in parts(height, width) {
            let mut sum = vec![0.0; channels];
            for row in top..top + rows {
                for column in left..left + columns {
                    let pixel = &map[(row * width + column) * room..];
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += value;
                    }
                }
            }
            let count = (rows * columns) as f32;
            y.extend(sum.into_iter().map(|sum| sum / count));
        }
    }
    y
}
