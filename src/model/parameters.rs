//! Tensors by name on a device, from which the modules take their own.

use std::collections::BTreeMap;

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use thiserror::Error;

use crate::weights::HostTensor;

/// Why a model could not be built from the tensors at hand.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ParameterError {
    /// No tensor of this name was put in.
    #[error("the weights hold no tensor '{0}'; write the pack again with this version")]
    Missing(String),
    /// The tensor is there in another shape.
    #[error("tensor '{name}' has shape {found:?} where the model needs {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the configuration asks for.
        expected: Vec<usize>,
    },
}

/// Named tensors on a device, taken out one by one as a model is built.
///
/// Each tensor goes to the device when it is put in, so that the host never holds all of them.
pub struct Parameters {
    device: Device,
    tensors: BTreeMap<String, (Tensor<1>, Vec<usize>)>,
}

impl Parameters {
    /// No tensors yet, on `device`.
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            tensors: BTreeMap::new(),
        }
    }

    /// Copies a tensor to the device under its name.
    pub fn insert(&mut self, name: String, tensor: HostTensor) {
        let HostTensor { shape, data } = tensor;
        let length = data.len();
        let flat = Tensor::from_data(TensorData::new(data, [length]), &self.device);
        self.tensors.insert(name, (flat, shape));
    }

    /// The device of every tensor.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor out.
    ///
    /// # Errors
    ///
    /// When it is missing or not of the shape that the configuration asks for.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [usize; D],
    ) -> Result<Tensor<D>, ParameterError> {
        let (flat, shape) = self
            .tensors
            .remove(name)
            .ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
        if shape != expected {
            let expected = expected.to_vec();
            return Err(ParameterError::Shape {
                name: name.to_owned(),
                found: shape,
                expected,
            });
        }
        Ok(flat.reshape(expected))
    }
}

/// A tensor that training may change, under an identity that depends on its name alone: an optimiser's state is keyed by it, and must find
/// its tensor again in another process.
pub(super) fn trainable<const D: usize>(name: &str, tensor: Tensor<D>) -> Param<Tensor<D>> {
    // FNV-1a, 64 bits.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Outside autodiff nothing is tracked yet; the wish is kept for a device that does.
    Param::initialized(ParamId::from(hash), tensor).set_require_grad(true)
}
