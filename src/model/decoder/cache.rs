//! The static key/value cache: allocated for a sequence's length, written in place, cut back by moving its length.

use std::mem;

use burn::tensor::{Device, Tensor};

use crate::model::config::DecoderConfig;

/// Positions of the smallest cache. Larger ones double it: a step's kernels are compiled for a capacity.
const LEAST: usize = 256;

/// Key/value cache of a whole decoder for one sequence.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    /// Keys and values of each layer, `[2, heads, capacity, head_width]`.
    layers: Vec<Tensor<4>>,
    /// Stands where a step is given no room for evidence. Kept, so that no step has to make one.
    no_evidence: Tensor<2>,
    length: usize,
    capacity: usize,
    limit: usize,
}

impl KeyValueCache {
    /// An empty cache that can grow to `limit` positions.
    pub fn new(config: &DecoderConfig, limit: usize, device: &Device) -> Self {
        let capacity = LEAST.min(limit);
        let layers = (0..config.layers).map(|_| Self::layer(config, capacity, device));
        let layers = layers.collect();
        Self {
            layers,
            no_evidence: Tensor::zeros([1, 1], device),
            length: 0,
            capacity,
            limit,
        }
    }

    /// Empties the cache, and makes room for a sequence of so many positions, no more than `limit()`. A large one is not kept for a short
    /// sequence: at a thousand positions it is half as large as the weights.
    pub fn empty(&mut self, positions: usize) {
        self.length = 0;
        let capacity = positions.next_power_of_two().max(LEAST).min(self.limit);
        if capacity == self.capacity {
            return;
        }
        let sizes = self
            .layers
            .iter()
            .map(|layer| (layer.dims(), layer.device()));
        let sizes: Vec<([usize; 4], Device)> = sizes.collect();
        // The old ones go first, so that both never stand beside each other.
        self.layers.clear();
        let new = sizes.into_iter().map(|([two, heads, _, width], device)| {
            Tensor::zeros([two, heads, capacity, width], &device)
        });
        self.layers.extend(new);
        self.capacity = capacity;
    }

    /// The most positions that a sequence may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// One layer's part, empty.
    pub(super) fn layer(config: &DecoderConfig, capacity: usize, device: &Device) -> Tensor<4> {
        let shape = [2, config.key_value_heads, capacity, config.head_width];
        Tensor::zeros(shape, device)
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

    /// Gives each layer's part to `write` as its only handle, so that it may write in place, and keeps what comes back.
    pub(super) fn update(
        &mut self,
        positions: usize,
        mut write: impl FnMut(usize, Tensor<4>) -> Tensor<4>,
    ) {
        let layers = mem::take(&mut self.layers).into_iter().enumerate();
        self.layers = layers.map(|(index, layer)| write(index, layer)).collect();
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
        let mut cache = KeyValueCache::new(&config, 1000, &Device::flex());
        for (positions, capacity) in [(1, 256), (257, 512), (512, 512), (513, 1000), (0, 256)] {
            cache.empty(positions);
            assert_eq!(cache.capacity(), capacity, "{positions} positions");
            cache.update(positions, |_, layer| {
                assert_eq!(layer.dims()[2], capacity);
                layer
            });
            assert_eq!(cache.len(), positions);
        }
        assert_eq!(
            KeyValueCache::new(&config, 64, &Device::flex()).capacity(),
            64
        );
    }
}
