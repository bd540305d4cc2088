//! The static key/value cache: allocated once, written in place, cut back by moving its length.

use std::mem;

use burn::tensor::{Device, Tensor};

use crate::model::config::DecoderConfig;

/// Key/value cache of a whole decoder for one sequence.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    /// Keys and values of each layer, `[2, heads, capacity, head_width]`.
    layers: Vec<Tensor<4>>,
    /// Stands where a step is given no room for evidence. Kept, so that no step has to make one.
    no_evidence: Tensor<2>,
    length: usize,
    capacity: usize,
}

impl KeyValueCache {
    /// An empty cache of `capacity` positions.
    pub fn new(config: &DecoderConfig, capacity: usize, device: &Device) -> Self {
        let layers = (0..config.layers).map(|_| Self::layer(config, capacity, device));
        let layers = layers.collect();
        Self {
            layers,
            no_evidence: Tensor::zeros([1, 1], device),
            length: 0,
            capacity,
        }
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
