//! Tensors by name on a device, from which the modules take their own, and the matrices among them.

use std::collections::BTreeMap;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use thiserror::Error;

use crate::kernels::{Blocks, QuantisedMatrix};
use crate::weights::quant::QuantError;
use crate::weights::{EncodedTensor, HostTensor};

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
    keep_blocks: bool,
    tensors: BTreeMap<String, (Stored, Vec<usize>)>,
}

/// A tensor on the device.
enum Stored {
    Dense(Tensor<1>),
    Quantised(QuantisedMatrix),
}

/// A matrix of a linear map, dense or in the blocks in which it was quantised.
#[derive(Module, Debug)]
pub enum Matrix {
    /// `[out, input]`, for training and for a device without kernels of ours.
    Dense(Tensor<2>),
    /// The same in blocks.
    Quantised(QuantisedMatrix),
}

impl Parameters {
    /// No tensors yet, on `device`.
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            keep_blocks: false,
            tensors: BTreeMap::new(),
        }
    }

    /// From here on, leaves matrices of quantised blocks as they are: for a device that has kernels of ours.
    pub fn keeping_blocks(mut self) -> Self {
        self.keep_blocks = true;
        self
    }

    /// Copies a tensor to the device under its name; a matrix in its blocks, if those are kept, else decoded.
    ///
    /// # Errors
    ///
    /// When the number of bytes is not what encoding and shape ask for.
    pub fn insert_encoded(
        &mut self,
        name: String,
        tensor: &EncodedTensor,
    ) -> Result<(), QuantError> {
        tensor.validate()?;
        let matrix = self
            .keep_blocks
            .then(|| QuantisedMatrix::new(tensor, &self.device));
        match matrix.flatten() {
            Some(matrix) => {
                let stored = (Stored::Quantised(matrix), tensor.shape.clone());
                self.tensors.insert(name, stored);
            }
            None => self.insert(name, tensor.decode()?),
        }
        Ok(())
    }

    /// Copies a dense tensor to the device under its name.
    pub fn insert(&mut self, name: String, tensor: HostTensor) {
        let HostTensor { shape, data } = tensor;
        let length = data.len();
        let flat = Tensor::from_data(TensorData::new(data, [length]), &self.device);
        self.tensors.insert(name, (Stored::Dense(flat), shape));
    }

    /// The device of every tensor.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor out, decoded if it stands in blocks.
    ///
    /// # Errors
    ///
    /// When it is missing or not of the shape that the configuration asks for.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [usize; D],
    ) -> Result<Tensor<D>, ParameterError> {
        Ok(match self.take_stored(name, &expected)? {
            Stored::Dense(flat) => flat.reshape(expected),
            Stored::Quantised(matrix) => matrix.decode().reshape(expected),
        })
    }

    /// Takes a matrix out as it stands.
    ///
    /// # Errors
    ///
    /// When it is missing or not of the shape that the configuration asks for.
    pub fn take_matrix(
        &mut self,
        name: &str,
        expected: [usize; 2],
    ) -> Result<Matrix, ParameterError> {
        Ok(match self.take_stored(name, &expected)? {
            Stored::Dense(flat) => Matrix::Dense(flat.reshape(expected)),
            Stored::Quantised(matrix) => Matrix::Quantised(matrix),
        })
    }

    /// The form of the blocks in which a matrix stands, if it does.
    pub fn blocks(&self, name: &str) -> Option<Blocks> {
        match self.tensors.get(name)? {
            (Stored::Quantised(matrix), _) => Some(matrix.blocks()),
            (Stored::Dense(_), _) => None,
        }
    }

    /// Takes a matrix out that stands in blocks.
    ///
    /// # Errors
    ///
    /// When it is missing, stands in none, or is not of the shape that the configuration asks for.
    pub fn take_blocks(
        &mut self,
        name: &str,
        expected: [usize; 2],
    ) -> Result<QuantisedMatrix, ParameterError> {
        match self.take_stored(name, &expected)? {
            Stored::Quantised(matrix) => Ok(matrix),
            Stored::Dense(_) => Err(ParameterError::Missing(format!("{name} in blocks"))),
        }
    }

    fn take_stored(&mut self, name: &str, expected: &[usize]) -> Result<Stored, ParameterError> {
        let (stored, shape) = self
            .tensors
            .remove(name)
            .ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
        if shape == expected {
            return Ok(stored);
        }
        Err(ParameterError::Shape {
            name: name.to_owned(),
            found: shape,
            expected: expected.to_vec(),
        })
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
