//! Products with matrices in blocks: vectors of 16-bit integers, in the browser (SIMD128) and natively.
//!
//! The activations are brought to 16-bit integers, a scale for every block of 32, so that a block's product with the weights is one of
//! integers, exact in 32 bits. Against eight bits, which others use, the rounding of the activations is 256 times finer and costs nothing
//! more: there is no product of bytes in SIMD128, and bytes would be widened to 16 bits all the same.

use wide::{f32x8, i8x16, i16x16, i32x8, u8x16};

use crate::kernels::quantised::{BLOCK, Blocks};

/// Rows of activations that share the widening of a block of weights.
const TILE: usize = 4;
/// Largest magnitude of an activation as an integer.
const LARGEST: f32 = 32_767.0;

/// One block of values as integers.
type Integers = [i16x16; 2];

/// `x Wᵀ` for rows of `input` values and `out` rows of blocks; `[rows, out]`.
pub(super) fn product(x: &[f32], input: usize, words: &[i32], blocks: Blocks) -> Vec<f32> {
    let activations = Activations::new(x, input);
    let out = words.len() / (input / BLOCK * blocks.words()).max(1);
    let mut y = vec![0.0; activations.rows() * out];
    match blocks {
        Blocks::Q4_1 => multiply::<Nibbles, 5>(&activations, words, out, &mut y),
        Blocks::Q8_0 => multiply::<Bytes, 9>(&activations, words, out, &mut y),
    }
    y
}

/// Decodes a row of blocks onto the end of `values`.
pub(super) fn decode_row(words: &[i32], blocks: Blocks, values: &mut Vec<f32>) {
    match blocks {
        Blocks::Q4_1 => decode::<Nibbles, 5>(words, values),
        Blocks::Q8_0 => decode::<Bytes, 9>(words, values),
    }
}

/// A form of blocks of `WORDS` words.
trait Form<const WORDS: usize> {
    /// The scale, the minimum and the integers of a block.
    fn open(block: &[i32; WORDS]) -> (f32, f32, Integers);
}

struct Nibbles;

impl Form<5> for Nibbles {
    #[inline(always)]
    fn open(&[head, a, b, c, d]: &[i32; 5]) -> (f32, f32, Integers) {
        let [scale, minimum] = halves(head);
        let bytes: u8x16 = bytemuck::cast([a, b, c, d]);
        let wide = i16x16::from(bytes);
        (scale, minimum, [wide & i16x16::splat(15), wide >> 4])
    }
}

struct Bytes;

impl Form<9> for Bytes {
    #[inline(always)]
    fn open(&[head, a, b, c, d, e, f, g, h]: &[i32; 9]) -> (f32, f32, Integers) {
        let [scale, _] = halves(head);
        let low: i8x16 = bytemuck::cast([a, b, c, d]);
        let high: i8x16 = bytemuck::cast([e, f, g, h]);
        (
            scale,
            0.0,
            [i16x16::from_i8x16(low), i16x16::from_i8x16(high)],
        )
    }
}

/// The two half-precision numbers of a word, the low one first.
#[inline(always)]
fn halves(word: i32) -> [f32; 2] {
    let word = word.cast_unsigned();
    // By integers: there is no conversion of half precision in SIMD128, and a library's takes branches. The exponent is moved by its other
    // bias through a product, which is exact and right for subnormal numbers too; there are no infinities in weights.
    let single = |half: u32| {
        let magnitude = f32::from_bits((half & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
        f32::from_bits(magnitude.to_bits() | (half & 0x8000) << 16)
    };
    [single(word & 0xffff), single(word >> 16)]
}

/// Rows of values as 16-bit integers.
struct Activations {
    integers: Vec<Integers>,
    /// What an integer of a block stands for.
    scales: Vec<f32>,
    /// Sum of a block's values, for the minimum of the weights.
    sums: Vec<f32>,
    /// Blocks in a row.
    blocks: usize,
}

impl Activations {
    fn new(values: &[f32], width: usize) -> Self {
        let count = values.len() / BLOCK;
        let mut all = Self {
            integers: Vec::with_capacity(count),
            scales: Vec::with_capacity(count),
            sums: Vec::with_capacity(count),
            blocks: width / BLOCK,
        };
        for block in values.chunks_exact(BLOCK) {
            let largest = block
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            let inverse = if largest > 0.0 {
                LARGEST / largest
            } else {
                0.0
            };
            let mut integers = [0_i16; BLOCK];
            let mut sum = 0;
            for (integer, value) in integers.iter_mut().zip(block) {
                *integer = (value * inverse).round_ties_even() as i16;
                sum += i32::from(*integer);
            }
            let scale = largest / LARGEST;
            all.integers.push(bytemuck::cast(integers));
            all.scales.push(scale);
            all.sums.push(sum as f32 * scale);
        }
        all
    }

    fn rows(&self) -> usize {
        self.integers.len() / self.blocks.max(1)
    }
}

fn multiply<F: Form<WORDS>, const WORDS: usize>(
    x: &Activations,
    words: &[i32],
    out: usize,
    y: &mut [f32],
) {
    let (weights, _) = words.as_chunks::<WORDS>();
    for (column, weights) in weights.chunks_exact(x.blocks).enumerate() {
        let mut row = 0;
        while row + TILE <= x.rows() {
            tile::<F, WORDS, TILE>(x, row, weights, |at, value| y[at * out + column] = value);
            row += TILE;
        }
        for row in row..x.rows() {
            tile::<F, WORDS, 1>(x, row, weights, |at, value| y[at * out + column] = value);
        }
    }
}

/// The products of `ROWS` rows of activations, from `first` on, with one row of weights.
#[inline(always)]
fn tile<F: Form<WORDS>, const WORDS: usize, const ROWS: usize>(
    x: &Activations,
    first: usize,
    weights: &[[i32; WORDS]],
    mut put: impl FnMut(usize, f32),
) {
    let of = |row: usize| (first + row) * x.blocks..(first + row + 1) * x.blocks;
    let integers: [&[Integers]; ROWS] = std::array::from_fn(|row| &x.integers[of(row)]);
    let scales: [&[f32]; ROWS] = std::array::from_fn(|row| &x.scales[of(row)]);
    let sums: [&[f32]; ROWS] = std::array::from_fn(|row| &x.sums[of(row)]);
    let mut products = [f32x8::ZERO; ROWS];
    let mut minima = [0.0_f32; ROWS];
    for (at, block) in weights.iter().enumerate() {
        let (scale, minimum, [low, high]) = F::open(block);
        for row in 0..ROWS {
            let [x_low, x_high] = integers[row][at];
            let product: i32x8 = x_low.dot(low) + x_high.dot(high);
            products[row] += f32x8::from_i32x8(product) * f32x8::splat(scale * scales[row][at]);
            minima[row] += minimum * sums[row][at];
        }
    }
    for row in 0..ROWS {
        put(first + row, products[row].reduce_add() + minima[row]);
    }
}

fn decode<F: Form<WORDS>, const WORDS: usize>(words: &[i32], values: &mut Vec<f32>) {
    let (blocks, _) = words.as_chunks::<WORDS>();
    for block in blocks {
        let (scale, minimum, integers) = F::open(block);
        let integers: [i16; BLOCK] = bytemuck::cast(integers);
        values.extend(integers.map(|integer| scale * f32::from(integer) + minimum));
    }
}
