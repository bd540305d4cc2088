//! The static key/value cache: allocated once, written in place, cut back by moving its length.

use burn::tensor::{Device, Tensor};

use crate::model::config::DecoderConfig;

/// Keys and values of one layer.
#[derive(Clone, Debug)]
pub(super) struct LayerCache {
    keys: Tensor<4>,
    values: Tensor<4>,
}

impl LayerCache {
    /// Writes the new keys and values after `start` positions; returns all of them up to the end.
    ///
    /// # Shapes
    ///
    /// - input: `[1, heads, seq_len, head_width]`
    /// - output: `[1, heads, start + seq_len, head_width]`
    pub(super) fn append(
        &mut self,
        keys: Tensor<4>,
        values: Tensor<4>,
        start: usize,
    ) -> (Tensor<4>, Tensor<4>) {
        let [batch_size, heads, seq_len, width] = keys.dims();
        let new = [0..batch_size, 0..heads, start..start + seq_len, 0..width];
        let all = [0..batch_size, 0..heads, 0..start + seq_len, 0..width];
        // `inplace` gives up the only handle, so that the back end may write without a copy.
        self.keys
            .inplace(|cache| cache.slice_assign(new.clone(), keys));
        self.values.inplace(|cache| cache.slice_assign(new, values));
        (
            self.keys.clone().slice(all.clone()),
            self.values.clone().slice(all),
        )
    }
}

/// Key/value cache of a whole decoder for one sequence.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    pub(super) layers: Vec<LayerCache>,
    length: usize,
    capacity: usize,
}

impl KeyValueCache {
    /// An empty cache of `capacity` positions.
    pub fn new(config: &DecoderConfig, capacity: usize, device: &Device) -> Self {
        let shape = [1, config.key_value_heads, capacity, config.head_width];
        let layers = (0..config.layers)
            .map(|_| LayerCache {
                keys: Tensor::zeros(shape, device),
                values: Tensor::zeros(shape, device),
            })
            .collect();
        Self {
            layers,
            length: 0,
            capacity,
        }
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

    /// Forgets every position from `length` on. Costs nothing: what lies beyond is overwritten before it is read.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(super) fn advance(&mut self, positions: usize) {
        self.length += positions;
    }
}
