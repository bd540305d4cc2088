//! Attention over the cache on the CPU.

use wide::f32x8;

/// Numbers in a vector.
const LANES: usize = 8;

/// Sizes of a cache, `[2, heads, capacity, width]`.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    heads: usize,
    capacity: usize,
    width: usize,
}

impl Sizes {
    pub(super) fn of([_, heads, capacity, width]: [usize; 4]) -> Self {
        Self {
            heads,
            capacity,
            width,
        }
    }

    /// Where the row of a head and a position begins among the keys (0) or the values (1).
    fn row(self, which: usize, head: usize, position: usize) -> usize {
        ((which * self.heads + head) * self.capacity + position) * self.width
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
    let Sizes { heads, width, .. } = sizes;
    let all = projected.len() / rows;
    let narrow = heads * width;
    let wide = all - 2 * narrow;
    let mut queries = Vec::with_capacity(rows * wide);
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
            let at = sizes.row(0, head, position);
            rotate(key, cosines, sines, &mut cache[at..at + width]);
            let at = sizes.row(1, head, position);
            cache[at..at + width].copy_from_slice(value);
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
    for row in 0..rows {
        let total = start + row + 1;
        for head in 0..query_heads {
            let at = row * wide + head * width;
            let query = &queries[at..at + width];
            let keys = &cache[sizes.row(0, head / shared, 0)..][..total * width];
            shares.clear();
            shares.extend(keys.chunks_exact(width).map(|key| dot(query, key) * scale));
            softmax(&mut shares);
            let values = &cache[sizes.row(1, head / shared, 0)..][..total * width];
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
    mixed
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
