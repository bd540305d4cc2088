//! Rows of values as 16-bit integers, and the sums of their products.
//!
//! A vector instruction multiplies and adds up eight such integers where it would multiply four numbers of single precision. Of the two
//! sides one has fewer bits than 16, so that the sum of 32 products, eight in each of four lanes, stays within 32 bits.

use std::ops::Range;

use wide::{f32x4, f32x8, i16x8, i32x4};

use crate::kernels::quantised::{BLOCK, GROUP};

/// Integers in a vector.
pub(super) const LANES: usize = 8;
/// Vectors whose products stay within 32 bits together.
const CHUNK: usize = BLOCK / LANES;
/// Rows of activations and of weights that are multiplied at once: eight sums, and six vectors to read for eight products.
const ROWS: usize = 2;
pub(super) const OUTS: usize = GROUP;

/// Activations, `[rows, width]`, as integers and what an integer stands for.
pub(super) struct Rows {
    integers: Vec<i16x8>,
    scales: Vec<f32>,
    /// Vectors in a row.
    vectors: usize,
}

impl Rows {
    /// A scale for every `span` of a row's `width` values: its whole, or a block of 32 where a few large values must not cost the others
    /// their bits. An integer is `largest` at most.
    pub(super) fn new(values: &[f32], width: usize, span: usize, largest: f32) -> Self {
        let mut rows = Self {
            integers: Vec::with_capacity(values.len() / LANES),
            scales: Vec::with_capacity(values.len() / span.max(1)),
            vectors: width / LANES,
        };
        for values in values.chunks_exact(span) {
            rows.scales.push(round(values, largest, &mut rows.integers));
        }
        rows
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.integers.len() / self.vectors.max(1)
    }

    /// One of them.
    pub(super) fn row(&self, at: usize) -> Row<'_> {
        let scales = self.scales.len() / self.len();
        Row {
            integers: &self.integers[at * self.vectors..][..self.vectors],
            scales: &self.scales[at * scales..][..scales],
        }
    }
}

/// Values as integers of `largest` at most, onto the end of `integers`; what one of them stands for.
fn round(values: &[f32], largest: f32, integers: &mut Vec<i16x8>) -> f32 {
    let (vectors, _) = values.as_chunks::<LANES>();
    let most = vectors.iter().fold(f32x8::ZERO, |most, values| {
        most.fast_max(f32x8::from(*values).abs())
    });
    let most = most.to_array().into_iter().fold(0.0, f32::max);
    let inverse = f32x8::splat(if most > 0.0 { largest / most } else { 0.0 });
    integers.extend(vectors.iter().map(|values| {
        i16x8::from_i32x8_saturate((f32x8::from(*values) * inverse).fast_round_int())
    }));
    most / largest
}

/// A row of activations.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) integers: &'a [i16x8],
    /// A scale for each of its spans.
    pub(super) scales: &'a [f32],
}

impl Row<'_> {
    /// The sum of each span's values.
    pub(super) fn sums(self) -> impl Iterator<Item = f32> {
        let span = self.integers.len() / self.scales.len();
        let spans = self.integers.chunks_exact(span).zip(self.scales);
        spans.map(|(span, scale)| {
            let sums = span.iter().map(|eight| eight.dot(i16x8::ONE).reduce_add());
            sums.sum::<i32>() as f32 * scale
        })
    }
}

/// The products of a range of rows with four rows of weights, as `put(row, products)`. `BLOCKS`: whether the rows have a scale a block.
#[inline(always)]
pub(super) fn multiply<const BLOCKS: bool>(
    rows: &Rows,
    range: Range<usize>,
    weights: [&[i16x8]; OUTS],
    mut put: impl FnMut(usize, f32x4),
) {
    let mut put = |row: usize, sums: [f32x4; OUTS]| {
        let [a, b, c, d] = f32x4::transpose(sums);
        let sum = (a + b) + (c + d);
        let scale = if BLOCKS { 1.0 } else { rows.row(row).scales[0] };
        put(row, sum * f32x4::splat(scale));
    };
    let mut row = range.start;
    while row + ROWS <= range.end {
        let pair = std::array::from_fn(|at| rows.row(row + at));
        let [first, second] = tile::<BLOCKS, ROWS>(pair, weights);
        put(row, first);
        put(row + 1, second);
        row += ROWS;
    }
    if row < range.end {
        let [only] = tile::<BLOCKS, 1>([rows.row(row)], weights);
        put(row, only);
    }
}

/// Sums of the products of rows with weights, each in four parts.
#[inline(always)]
fn tile<const BLOCKS: bool, const COUNT: usize>(
    rows: [Row<'_>; COUNT],
    weights: [&[i16x8]; OUTS],
) -> [[f32x4; OUTS]; COUNT] {
    let mut sums = [[f32x4::ZERO; OUTS]; COUNT];
    let vectors = weights[0].len();
    for (at, start) in (0..vectors).step_by(CHUNK).enumerate() {
        let length = CHUNK.min(vectors - start);
        let integers = rows.map(|row| &row.integers[start..start + length]);
        let weights = weights.map(|weights| &weights[start..start + length]);
        let mut chunk = [[i32x4::ZERO; OUTS]; COUNT];
        for at in 0..length {
            for row in 0..COUNT {
                for out in 0..OUTS {
                    chunk[row][out] += integers[row][at].dot(weights[out][at]);
                }
            }
        }
        for row in 0..COUNT {
            let scale = f32x4::splat(if BLOCKS { rows[row].scales[at] } else { 1.0 });
            for out in 0..OUTS {
                sums[row][out] += f32x4::from_i32x4(chunk[row][out]) * scale;
            }
        }
    }
    sums
}
