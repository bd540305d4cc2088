//! Attention over the cache on the CPU, where a key or a value is a scale and 16-bit integers.

use wide::{f32x8, i16x8, i32x8};

/// Numbers in a vector.
const LANES: usize = 8;
/// Largest magnitude of an integer.
const LARGEST: f32 = 32_767.0;

/// Sizes of a cache, `[2, heads, capacity, 1 + width / 2]`.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    heads: usize,
    capacity: usize,
    width: usize,
}

impl Sizes {
    pub(super) fn of([_, heads, capacity, row]: [usize; 4]) -> Self {
        Self {
            heads,
            capacity,
            width: (row - 1) * 2,
        }
    }

    /// Channels of all heads of keys, or of values.
    pub(super) fn narrow(self) -> usize {
        self.heads * self.width
    }

    /// Numbers in a row.
    fn row(self) -> usize {
        1 + self.width / 2
    }

    /// Where the row of a head and a position begins among the keys (0) or the values (1).
    fn row_at(self, which: usize, head: usize, position: usize) -> usize {
        ((which * self.heads + head) * self.capacity + position) * self.row()
    }
}

/// Rotates queries and keys, puts keys and values into the cache, and gives the queries.
pub(super) fn place(
    projected: &[f32],
    rows: usize,
    rope: &[f32],
    cache: &mut [f32],
    start: usize,
    sizes: Sizes,
) -> Vec<f32> {
    let width = sizes.width;
    let all = projected.len() / rows;
    let narrow = sizes.narrow();
    let wide = all - 2 * narrow;
    let mut queries = Vec::with_capacity(rows * wide);
    let mut turned = vec![0.0; width];
    for (row, projected) in projected.chunks_exact(all).enumerate() {
        let position = start + row;
        let (cosines, sines) = rope[position * width..][..width].split_at(width / 2);
        let (query, rest) = projected.split_at(wide);
        let (keys, values) = rest.split_at(narrow);
        for head in query.chunks_exact(width) {
            let at = queries.len();
            queries.resize(at + width, 0.0);
            rotate(head, cosines, sines, &mut queries[at..]);
        }
        for (head, (key, value)) in keys
            .chunks_exact(width)
            .zip(values.chunks_exact(width))
            .enumerate()
        {
            rotate(key, cosines, sines, &mut turned);
            for (which, values) in [&turned, value].into_iter().enumerate() {
                let at = sizes.row_at(which, head, position);
                round(values, &mut cache[at..at + sizes.row()]);
            }
        }
    }
    queries
}

/// The rotate-half form.
fn rotate(from: &[f32], cosines: &[f32], sines: &[f32], into: &mut [f32]) {
    let half = from.len() / 2;
    for at in 0..half {
        let (first, second) = (from[at], from[at + half]);
        into[at] = first * cosines[at] - second * sines[at];
        into[at + half] = second * cosines[at] + first * sines[at];
    }
}

/// What every query takes from the values; adds the last query's attention to `evidence`, a row a head, where it is wanted.
pub(super) fn attend(
    queries: &[f32],
    rows: usize,
    cache: &[f32],
    start: usize,
    sizes: Sizes,
    evidence: &mut [f32],
) -> Vec<f32> {
    let width = sizes.width;
    let wide = queries.len() / rows;
    let query_heads = wide / width;
    let shared = query_heads / sizes.heads;
    let scale = (width as f32).sqrt().recip();
    let mut mixed = vec![0.0; queries.len()];
    let mut shares = Vec::with_capacity(start + rows);
    // Those of one head at a time, for all queries that share it.
    let (mut keys, mut values): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    for head in 0..sizes.heads {
        for (which, widened) in [&mut keys, &mut values].into_iter().enumerate() {
            widened.resize((start + rows) * width, 0.0);
            let kept = cache[sizes.row_at(which, head, 0)..].chunks_exact(sizes.row());
            for (row, values) in kept.zip(widened.chunks_exact_mut(width)) {
                widen(row, values);
            }
        }
        for row in 0..rows {
            let total = start + row + 1;
            let keys = &keys[..total * width];
            let values = &values[..total * width];
            for head in head * shared..(head + 1) * shared {
                let at = row * wide + head * width;
                let query = &queries[at..at + width];
                shares.clear();
                shares.extend(keys.chunks_exact(width).map(|key| dot(query, key) * scale));
                softmax(&mut shares);
                for (value, &share) in values.chunks_exact(width).zip(&shares) {
                    add(&mut mixed[at..at + width], value, share);
                }
                if row + 1 == rows && evidence.len() == query_heads * sizes.capacity {
                    let evidence = &mut evidence[head * sizes.capacity..];
                    for (evidence, share) in evidence.iter_mut().zip(&shares) {
                        *evidence += share;
                    }
                }
            }
        }
    }
    mixed
}

/// Puts a key or a value into its row.
fn round(values: &[f32], row: &mut [f32]) {
    let most = values
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let inverse = if most > 0.0 { LARGEST / most } else { 0.0 };
    let (scale, integers) = row.split_at_mut(1);
    scale[0] = most / LARGEST;
    let integers: &mut [i16] = bytemuck::cast_slice_mut(integers);
    for (integer, value) in integers.iter_mut().zip(values) {
        *integer = (value * inverse).round_ties_even() as i16;
    }
}

/// The key or the value of a row.
fn widen(row: &[f32], values: &mut [f32]) {
    let (scale, integers) = row.split_at(1);
    let integers: &[i16] = bytemuck::cast_slice(integers);
    let (vectors, rest) = integers.as_chunks::<LANES>();
    let (values, values_rest) = values.as_chunks_mut::<LANES>();
    for (values, integers) in values.iter_mut().zip(vectors) {
        let integers = i32x8::from_i16x8(i16x8::from(*integers));
        *values = (f32x8::from_i32x8(integers) * f32x8::splat(scale[0])).to_array();
    }
    for (value, integer) in values_rest.iter_mut().zip(rest) {
        *value = f32::from(*integer) * scale[0];
    }
}

fn softmax(scores: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - highest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sum = f32x8::ZERO;
    for (left, right) in left.iter().zip(right) {
        sum += f32x8::from(*left) * f32x8::from(*right);
    }
    let rest = left_rest.iter().zip(right_rest).map(|(l, r)| l * r);
    sum.reduce_add() + rest.sum::<f32>()
}

/// `sum += value * share`.
fn add(sum: &mut [f32], value: &[f32], share: f32) {
    for (sum, value) in sum.iter_mut().zip(value) {
        *sum += value * share;
    }
}
