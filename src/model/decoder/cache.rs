//! The static key/value cache: allocated for a sequence's length, written in place, cut back by moving its length.

use std::mem;

use burn::tensor::{Device, Tensor};

use crate::model::config::DecoderConfig;

/// A short cache has a multiple of so many positions, one beyond [`SHORT`] a power of two: a step's kernels are compiled for a capacity, and
/// there should be few of them; but even a short cache is a tenth of the weights.
const STEP: usize = 64;
/// The longest of the short ones.
const SHORT: usize = 256;

/// Key/value cache of a whole decoder for one sequence.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    /// Keys and values of each layer, `[2, heads, capacity, row]`.
    layers: Vec<Tensor<4>>,
    /// Numbers of a row in each layer.
    rows: Vec<usize>,
    /// Stands where a step is given no room for evidence. Kept, so that no step has to make one.
    no_evidence: Tensor<2>,
    config: DecoderConfig,
    length: usize,
    capacity: usize,
    limit: usize,
}

impl KeyValueCache {
    /// A cache without room, which [`KeyValueCache::empty`] gives it, for up to `limit` positions; `rows` are the numbers of a key or a value
    /// in each layer.
    pub(super) fn new(
        config: &DecoderConfig,
        rows: Vec<usize>,
        limit: usize,
        device: &Device,
    ) -> Self {
        Self {
            layers: Vec::new(),
            rows,
            no_evidence: Tensor::zeros([1, 1], device),
            config: config.clone(),
            length: 0,
            capacity: 0,
            limit,
        }
    }

    /// Empties the cache, and makes room for a sequence of so many positions, no more than `limit()`. A large one is not kept for a short
    /// sequence: at a thousand positions it is half as large as the weights.
    pub fn empty(&mut self, positions: usize) {
        self.length = 0;
        let capacity = if positions <= SHORT {
            positions.max(1).next_multiple_of(STEP)
        } else {
            positions.next_power_of_two()
        };
        let capacity = capacity.min(self.limit);
        if capacity == self.capacity {
            return;
        }
        // The old ones go first, so that both never stand beside each other.
        self.layers.clear();
        let device = self.no_evidence.device();
        let layers = self.rows.iter();
        let layers = layers.map(|row| Self::layer(&self.config, capacity, *row, &device));
        self.layers.extend(layers);
        self.capacity = capacity;
    }

    /// The most positions that a sequence may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// One layer's part, empty.
    pub(super) fn layer(
        config: &DecoderConfig,
        capacity: usize,
        row: usize,
        device: &Device,
    ) -> Tensor<4> {
        Tensor::zeros([2, config.key_value_heads, capacity, row], device)
    }

    /// Positions filled.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no position is filled.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// `[1, 1]`, in the place of evidence that is not wanted.
    pub(super) fn no_evidence(&self) -> Tensor<2> {
        self.no_evidence.clone()
    }

    /// Forgets every position from `length` on. Costs nothing: what lies beyond is overwritten before it is read.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Gives each layer's part to `write` as its only handle, so that it may write in place, and keeps what comes back. `blocks` are those of
    /// the layers.
    pub(super) fn update<B>(
        &mut self,
        positions: usize,
        blocks: &[B],
        mut write: impl FnMut(&B, Tensor<4>) -> Tensor<4>,
    ) {
        let layers = blocks.iter().zip(mem::take(&mut self.layers));
        self.layers = layers.map(|(block, layer)| write(block, layer)).collect();
        self.length += positions;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::ModelConfig;

    #[test]
    fn a_cache_is_as_large_as_its_sequence_asks_for() {
        let config = ModelConfig::tiny().decoder;
        let rows = vec![9, 16];
        let empty = |limit| KeyValueCache::new(&config, rows.clone(), limit, &Device::flex());
        let mut cache = empty(1000);
        assert_eq!(cache.capacity(), 0);
        for (positions, capacity) in [
            (1, 64),
            (65, 128),
            (256, 256),
            (257, 512),
            (512, 512),
            (513, 1000),
            (0, 64),
        ] {
            cache.empty(positions);
            assert_eq!(cache.capacity(), capacity, "{positions} positions");
            cache.update(positions, &rows, |row, layer| {
                assert_eq!(layer.dims()[2..], [capacity, *row]);
                layer
            });
            assert_eq!(cache.len(), positions);
        }
        let mut small = empty(40);
        small.empty(10);
        assert_eq!(small.capacity(), 40);
    }
}
