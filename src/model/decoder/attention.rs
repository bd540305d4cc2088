//! Grouped-query causal attention (Ainslie et al. 2023).

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Int, Tensor};

use super::projection::Projection;
use super::rope::RotaryEmbedding;
use crate::model::config::DecoderConfig;
use crate::model::parameters::{ParameterError, Parameters};

/// Attention of one decoder block.
#[derive(Module, Debug)]
pub struct Attention {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    query_heads: usize,
    key_value_heads: usize,
    head_width: usize,
}

/// Which keys a query may see: every key up to its own position.
///
/// # Shapes
///
/// - output: `[seq_len, start + seq_len]`, true where attention is forbidden
pub(super) fn causal_mask(
    seq_len: usize,
    start: usize,
    device: &burn::tensor::Device,
) -> Tensor<2, Bool> {
    Tensor::<2, Bool>::tril_mask([seq_len, start + seq_len], start as i64, device)
}

/// One sequence's cache in a layer.
pub(super) struct Cached<'a> {
    /// Keys and values, `[2, heads, capacity, head_width]`.
    pub cache: &'a mut Tensor<4>,
    /// Positions filled.
    pub start: usize,
    /// What the last position pays to every other is added here, `[query_heads, capacity]`.
    pub evidence: Option<&'a mut Tensor<2>>,
}

/// One of the sequences that pass through a layer together.
pub(super) struct Attending<'a> {
    /// Its positions.
    pub len: usize,
    /// As [`causal_mask`] gives it; none where one position sees all.
    pub mask: Option<Tensor<2, Bool>>,
    /// What was before these positions.
    pub cached: Option<Cached<'a>>,
    /// What is learned from.
    pub watched: Option<&'a mut Watched>,
}

/// Positions of a whole sequence whose attention is learned from.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Which positions, `[rows]`.
    pub rows: Tensor<1, Int>,
    /// What each of them pays to every position, summed over heads and layers, `[rows, seq_len]`.
    pub paid: Tensor<2>,
}

impl Watched {
    /// Positions of a sequence of `seq_len`, before it was read.
    pub fn new(rows: Tensor<1, Int>, seq_len: usize) -> Self {
        let paid = Tensor::zeros([rows.dims()[0], seq_len], &rows.device());
        Self { rows, paid }
    }
}

impl Attention {
    /// Takes the four projections of the block `name`.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn take(
        config: &DecoderConfig,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Self, ParameterError> {
        let wide = config.query_heads * config.head_width;
        let narrow = config.key_value_heads * config.head_width;
        let mut take = |part: &str, shape| {
            Projection::take(parameters, &format!("{name}.attention.{part}"), shape)
        };
        Ok(Self {
            query: take("query", [wide, config.width])?,
            key: take("key", [narrow, config.width])?,
            value: take("value", [narrow, config.width])?,
            output: take("output", [config.width, wide])?,
            query_heads: config.query_heads,
            key_value_heads: config.key_value_heads,
            head_width: config.head_width,
        })
    }

    /// The projections that carry an adapter in training, with their names.
    pub fn adapted(&mut self) -> [(&'static str, &mut Projection); 4] {
        [
            ("query", &mut self.query),
            ("key", &mut self.key),
            ("value", &mut self.value),
            ("output", &mut self.output),
        ]
    }

    /// Attends within each sequence, and to what is cached before it. The matrices are read once for all of them.
    ///
    /// # Shapes
    ///
    /// - input and output: `[rows, width]`, the sequences one after the other
    pub(super) fn forward<'a>(
        &self,
        x: Tensor<2>,
        rope: &RotaryEmbedding,
        sequences: impl IntoIterator<Item = Attending<'a>>,
    ) -> Tensor<2> {
        let [rows, _] = x.dims();
        let projected = [&self.query, &self.key, &self.value].map(|map| map.forward(x.clone()));
        let mut from = 0;
        let mixed: Vec<Tensor<2>> = sequences
            .into_iter()
            .map(|sequence| {
                let (start, len) = (from, sequence.len);
                from += len;
                let own = projected.each_ref().map(|all| match len == rows {
                    true => all.clone(),
                    false => all.clone().narrow(0, start, len),
                });
                self.attend(own, rope, sequence)
            })
            .collect();
        self.output.forward(Tensor::cat(mixed, 0))
    }

    /// The attention of one sequence from its queries, keys and values.
    ///
    /// # Shapes
    ///
    /// - input and output: `[seq_len, heads * head_width]`
    fn attend(
        &self,
        [query, key, value]: [Tensor<2>; 3],
        rope: &RotaryEmbedding,
        sequence: Attending<'_>,
    ) -> Tensor<2> {
        let Attending {
            len: seq_len,
            mask,
            cached,
            watched,
        } = sequence;
        let (groups, head_width) = (self.key_value_heads, self.head_width);
        let shared = self.query_heads / groups;
        let heads = |y: Tensor<2>, n: usize| y.reshape([1, seq_len, n, head_width]).swap_dims(1, 2);
        let start = cached.as_ref().map_or(0, |cached| cached.start);
        let query = rope.rotate(heads(query, self.query_heads), start);
        let key = rope.rotate(heads(key, groups), start);
        let value = heads(value, groups);
        let (key, value, evidence) = match cached {
            Some(cached) => {
                let (key, value) = append(cached.cache, key, value, start);
                (key, value, cached.evidence)
            }
            None => (key, value, None),
        };
        let total = start + seq_len;
        // The query heads that share a key are rows of one matrix, so that keys and values need not be repeated.
        let query = query * (head_width as f64).powf(-0.5);
        let query = query.reshape([1, groups, shared * seq_len, head_width]);
        let scores = query.matmul(key.swap_dims(2, 3));
        let scores = match mask {
            None => scores,
            Some(mask) => {
                let each = [1, groups * shared, seq_len, total];
                scores
                    .reshape(each)
                    .mask_fill(
                        mask.reshape([1, 1, seq_len, total]).expand(each),
                        f32::NEG_INFINITY,
                    )
                    .reshape([1, groups, shared * seq_len, total])
            }
        };
        let shares = softmax(scores, 3);
        if let Some(evidence) = evidence {
            let last = shares
                .clone()
                .reshape([groups * shared, seq_len, total])
                .narrow(1, seq_len - 1, 1)
                .reshape([groups * shared, total]);
            evidence.inplace(|sum| {
                let seen = [0..groups * shared, 0..total];
                let more = sum.clone().slice(seen.clone()) + last;
                sum.slice_assign(seen, more)
            });
        }
        if let Some(Watched { rows, paid }) = watched {
            let all = shares.clone().reshape([groups * shared, seq_len, total]);
            let more: Tensor<2> = all.select(1, rows.clone()).sum_dim(0).squeeze_dim(0);
            paid.inplace(|sum| sum + more);
        }
        shares
            .matmul(value)
            .reshape([1, self.query_heads, seq_len, head_width])
            .swap_dims(1, 2)
            .reshape([seq_len, self.query_heads * head_width])
    }
}

/// Writes keys and values after `start` positions of the cache; gives all of them up to the end.
///
/// # Shapes
///
/// - input: `[1, heads, seq_len, head_width]`
/// - output: `[1, heads, start + seq_len, head_width]`
fn append(
    cache: &mut Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    start: usize,
) -> (Tensor<4>, Tensor<4>) {
    let [_, heads, seq_len, width] = keys.dims();
    let part =
        |which: usize, from: usize| [which..which + 1, 0..heads, from..start + seq_len, 0..width];
    for (which, new) in [keys, values].into_iter().enumerate() {
        cache.inplace(|cache| cache.slice_assign(part(which, start), new));
    }
    let all = |which| cache.clone().slice(part(which, 0));
    (all(0), all(1))
}
