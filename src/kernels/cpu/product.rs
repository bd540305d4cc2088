//! Products with matrices in blocks: vectors of 16-bit integers, in the browser (SIMD128) and natively.
//!
//! The activations are brought to 16-bit integers, a scale for every block of 32, so that a block's product with the weights is one of
//! integers, exact in 32 bits. Against eight bits, which others use, the rounding of the activations is 256 times finer and costs nothing
//! more: there is no product of bytes in SIMD128, and bytes would be widened to 16 bits all the same.
//!
//! A few rows of activations read the weights as they are. For more, four rows of weights at a time are brought to 15-bit integers with one
//! scale a row, some hundred times finer than the quantisation was, and all activations go through them.

use wide::{f32x4, i16x8, i32x4};

use super::integers::{self, OUTS, Rows};
use crate::kernels::quantised::{BLOCK, Blocks, GROUP};

/// Rows of activations for which it pays to bring weights to another form.
const MANY: usize = 4;
/// Largest magnitude of an activation as an integer, beside weights as they are.
const LARGEST: f32 = 32_767.0;
/// Largest magnitudes of a weight in its other form and of an activation beside it: the sum of eight of their products stays within 32 bits.
const LARGEST_WEIGHT: f32 = 16_383.0;
const LARGEST_BESIDE: f32 = 16_383.0;

/// One block of values as integers, in the order of [`CHANNELS`].
type Integers = [i16x8; 4];

/// The channel of each of a block's integers: those of the even bytes, then those of the odd ones, so that a block comes apart by shifts
/// and masks of 16 bits.
const CHANNELS: [usize; BLOCK] = {
    let mut channels = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        let (odd, half, pair) = (at / 16, at / 8 % 2, at % 8);
        channels[at] = half * 16 + 2 * pair + odd;
        at += 1;
    }
    channels
};

/// Rows of activations as integers, in the order of [`CHANNELS`], with the sum of each block.
pub(super) struct Activations {
    rows: Rows,
    sums: Vec<f32>,
    /// Blocks in a row.
    blocks: usize,
}

impl Activations {
    /// Of rows of `input` values.
    pub(super) fn new(x: &[f32], input: usize) -> Self {
        let (blocks, _) = x.as_chunks::<BLOCK>();
        let in_order: Vec<f32> = blocks
            .iter()
            .flat_map(|block| CHANNELS.map(|channel| block[channel]))
            .collect();
        let is_few = x.len() < MANY * input;
        let largest = if is_few { LARGEST } else { LARGEST_BESIDE };
        let rows = Rows::new(&in_order, input, BLOCK, largest);
        let sums = (0..rows.len())
            .flat_map(|row| rows.row(row).sums())
            .collect();
        Self {
            rows,
            sums,
            blocks: input / BLOCK,
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The sums of a row's blocks.
    fn sums(&self, row: usize) -> &[f32] {
        &self.sums[row * self.blocks..][..self.blocks]
    }
}

/// `x Wᵀ` for `out` rows of blocks; `[rows, out]`.
pub(super) fn product(x: &Activations, words: &[i32], blocks: Blocks) -> Vec<f32> {
    match blocks {
        Blocks::Q4_1 => multiply::<Nibbles, 5>(x, words),
        Blocks::Q8_0 => multiply::<Bytes, 9>(x, words),
    }
}

/// Adds to each part of `y` what its adapter makes of `x`, see [`crate::kernels::AdaptedWords`]; `parts` are the parts' widths.
pub(super) fn add_adapted(
    x: &Activations,
    down: &[i32],
    up: &[i32],
    parts: &[usize],
    y: &mut [f32],
) {
    let low = product(x, down, Blocks::Q8_0);
    let count = x.len();
    let (ranks, out) = (low.len() / count, y.len() / count);
    let rank = ranks / parts.len();
    let row_words = up.len() / out;
    let mut begin = 0;
    for (part, width) in parts.iter().enumerate() {
        let low: Vec<f32> = low
            .chunks_exact(ranks)
            .flat_map(|row| &row[part * rank..][..rank])
            .copied()
            .collect();
        let up = &up[begin * row_words..][..width * row_words];
        let added = product(&Activations::new(&low, rank), up, Blocks::Q8_0);
        for (y, added) in y.chunks_exact_mut(out).zip(added.chunks_exact(*width)) {
            for (y, added) in y[begin..].iter_mut().zip(added) {
                *y += added;
            }
        }
        begin += width;
    }
}

/// Decodes a row of a matrix of rows of `input` values onto the end of `values`.
pub(super) fn decode_row(
    words: &[i32],
    row: usize,
    input: usize,
    blocks: Blocks,
    values: &mut Vec<f32>,
) {
    match blocks {
        Blocks::Q4_1 => decode::<Nibbles, 5>(words, row, input / BLOCK, values),
        Blocks::Q8_0 => decode::<Bytes, 9>(words, row, input / BLOCK, values),
    }
}

/// A form of blocks of `WORDS` words.
trait Form<const WORDS: usize> {
    /// Bits by which an integer can be raised within 16 bits.
    const RAISE: i32;
    /// Largest magnitude of an integer.
    const LARGEST: f32;

    /// Whether a block has a minimum.
    const HAS_MINIMA: bool;

    /// The block's integers.
    fn integers(block: &[i32; WORDS]) -> Integers;

    /// Minima of four blocks, given their first words.
    fn minima(heads: i32x4) -> f32x4;
}

struct Nibbles;

impl Form<5> for Nibbles {
    const RAISE: i32 = 11;
    const LARGEST: f32 = 15.0;
    const HAS_MINIMA: bool = true;

    #[inline(always)]
    fn integers(&[_, a, b, c, d]: &[i32; 5]) -> Integers {
        let bytes: i16x8 = bytemuck::cast([a, b, c, d]);
        let fifteen = i16x8::splat(15);
        [0, 4, 8, 12].map(|shift| (bytes >> shift) & fifteen)
    }

    #[inline(always)]
    fn minima(heads: i32x4) -> f32x4 {
        singles(heads >> 16)
    }
}

struct Bytes;

impl Form<9> for Bytes {
    const RAISE: i32 = 8;
    const LARGEST: f32 = 128.0;
    const HAS_MINIMA: bool = false;

    #[inline(always)]
    fn integers(&[_, a, b, c, d, e, f, g, h]: &[i32; 9]) -> Integers {
        let low: i16x8 = bytemuck::cast([a, b, c, d]);
        let high: i16x8 = bytemuck::cast([e, f, g, h]);
        [(low << 8) >> 8, (high << 8) >> 8, low >> 8, high >> 8]
    }

    #[inline(always)]
    fn minima(_heads: i32x4) -> f32x4 {
        f32x4::ZERO
    }
}

/// The half-precision numbers in the low halves of words.
///
/// By integers: there is no conversion of half precision in SIMD128, and a library's takes branches. The exponent is moved by its other bias
/// through a product, which is exact and right for subnormal numbers too; there are no infinities in weights.
#[inline(always)]
fn singles(words: i32x4) -> f32x4 {
    let magnitudes: f32x4 = bytemuck::cast((words & i32x4::splat(0x7fff)) << 13);
    let magnitudes: i32x4 = bytemuck::cast(magnitudes * f32x4::splat(f32::from_bits(0x7780_0000)));
    bytemuck::cast(magnitudes | ((words & i32x4::splat(0x8000)) << 16))
}

fn multiply<F: Form<WORDS>, const WORDS: usize>(x: &Activations, words: &[i32]) -> Vec<f32> {
    let (weights, _) = words.as_chunks::<WORDS>();
    let blocks = x.blocks;
    let rows = &x.rows;
    let out = weights.len() / blocks.max(1);
    let mut y = vec![0.0; rows.len() * out];
    let (groups, _) = weights.as_chunks::<GROUP>();
    let fours = groups.chunks_exact(blocks.max(1)).enumerate();
    if rows.len() < MANY {
        for (four, weights) in fours {
            for row in 0..rows.len() {
                let products = few::<F, WORDS>(rows.row(row), x.sums(row), weights);
                put(&mut y[row * out..][..out], four, products);
            }
        }
    } else {
        let mut reduced = Reduced::default();
        for (four, weights) in fours {
            reduced.fill::<F, WORDS>(weights);
            let vectors = reduced.integers.len() / OUTS;
            let weights = std::array::from_fn(|row| &reduced.integers[row * vectors..][..vectors]);
            integers::multiply::<true>(rows, 0..rows.len(), weights, |row, products| {
                let products = products * reduced.scales + reduced.minima(x.sums(row));
                put(&mut y[row * out..][..out], four, products);
            });
        }
    }
    y
}

/// Writes the products with the `four`th four rows of weights.
#[inline(always)]
fn put(y: &mut [f32], four: usize, products: f32x4) {
    y[four * GROUP..][..GROUP].copy_from_slice(products.as_array());
}

/// The products of a row of activations with four rows of weights as they are.
#[inline(always)]
fn few<F: Form<WORDS>, const WORDS: usize>(
    x: integers::Row<'_>,
    sums: &[f32],
    weights: &[[[i32; WORDS]; GROUP]],
) -> f32x4 {
    let (vectors, _) = x.integers.as_chunks::<4>();
    let mut products = f32x4::ZERO;
    let activations = vectors.iter().zip(x.scales).zip(sums);
    for (four, ((x, scale), sum)) in weights.iter().zip(activations) {
        let heads = i32x4::from(four.each_ref().map(|block| block[0]));
        let dots = four.each_ref().map(|block| {
            let [a, b, c, d] = F::integers(block);
            bytemuck::cast((x[0].dot(a) + x[1].dot(b)) + (x[2].dot(c) + x[3].dot(d)))
        });
        let [a, b, c, d]: [i32x4; 4] = f32x4::transpose(dots).map(bytemuck::cast);
        let dots = f32x4::from_i32x4((a + b) + (c + d));
        products += dots * (singles(heads) * f32x4::splat(*scale));
        if F::HAS_MINIMA {
            products += F::minima(heads) * f32x4::splat(*sum);
        }
    }
    products
}

/// Four rows of weights as integers of 15 bits, their minima apart.
struct Reduced {
    integers: Vec<i16x8>,
    /// What an integer of each row stands for.
    scales: f32x4,
    /// The minimum of each row's block, where blocks have one.
    minima: Vec<f32x4>,
}

impl Default for Reduced {
    fn default() -> Self {
        Self {
            integers: Vec::new(),
            scales: f32x4::ZERO,
            minima: Vec::new(),
        }
    }
}

impl Reduced {
    fn fill<F: Form<WORDS>, const WORDS: usize>(&mut self, weights: &[[[i32; WORDS]; GROUP]]) {
        let heads = weights
            .iter()
            .map(|four| i32x4::from(four.each_ref().map(|block| block[0])));
        let bound = heads.clone().fold(f32x4::ZERO, |bound, heads| {
            bound.fast_max(singles(heads).abs())
        });
        let bound = bound * f32x4::splat(F::LARGEST);
        self.scales = bound / f32x4::splat(LARGEST_WEIGHT);
        self.minima.clear();
        if F::HAS_MINIMA {
            self.minima.extend(heads.map(F::minima));
        }
        self.integers.clear();
        for (row, bound) in bound.to_array().into_iter().enumerate() {
            // A product with a 16-bit fraction takes its place 15 bits lower.
            let raised = LARGEST_WEIGHT * (1 << (15 - F::RAISE)) as f32;
            let factor = if bound > 0.0 { raised / bound } else { 0.0 };
            for four in weights {
                let block = &four[row];
                let (scale, _) = head::<F, WORDS>(block);
                let scale = (scale * factor).round_ties_even() as i16;
                self.integers.extend(
                    F::integers(block).map(|eight| (eight << F::RAISE).mul_scale_round_n(scale)),
                );
            }
        }
    }

    /// The part of the products that is the minima's, for a row with these sums of its blocks.
    #[inline(always)]
    fn minima(&self, sums: &[f32]) -> f32x4 {
        let pairs = self.minima.iter().zip(sums);
        pairs.fold(f32x4::ZERO, |all, (minima, sum)| {
            all + *minima * f32x4::splat(*sum)
        })
    }
}

/// The scale and the minimum of a block.
#[inline(always)]
fn head<F: Form<WORDS>, const WORDS: usize>(block: &[i32; WORDS]) -> (f32, f32) {
    let heads = i32x4::splat(block[0]);
    let (scales, minima) = (singles(heads), F::minima(heads));
    (scales.as_array()[0], minima.as_array()[0])
}

fn decode<F: Form<WORDS>, const WORDS: usize>(
    words: &[i32],
    row: usize,
    blocks: usize,
    values: &mut Vec<f32>,
) {
    let (all, _) = words.as_chunks::<WORDS>();
    let group = &all[row / GROUP * GROUP * blocks..][..GROUP * blocks];
    for block in group.iter().skip(row % GROUP).step_by(GROUP) {
        let (scale, minimum) = head::<F, WORDS>(block);
        let integers: [i16; BLOCK] = bytemuck::cast(F::integers(block));
        let mut decoded = [0.0; BLOCK];
        for (integer, channel) in integers.iter().zip(CHANNELS) {
            decoded[channel] = scale * f32::from(*integer) + minimum;
        }
        values.extend(decoded);
    }
}
