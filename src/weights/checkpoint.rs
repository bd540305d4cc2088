//! What our own training writes: safetensors, the adapter and the states to go on from.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use thiserror::Error;

use super::quant::{QuantError, decode};
use super::{Encoding, HostTensor, Tensors};

/// Why a safetensors file could not be read or written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Not the format, cut off, or inconsistent.
    #[error("this is not a sound safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    /// A tensor in a type that is not used here.
    #[error("tensor '{name}' of the safetensors file is {dtype:?}; only F32 and F16 can be read")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// The bytes of a tensor do not match its shape.
    #[error("tensor '{name}' of the safetensors file: {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: QuantError,
    },
}

/// Reads every tensor, f32 or f16, and the metadata.
///
/// # Errors
///
/// When the file is not sound, or a tensor is of another type.
pub fn read_safetensors(
    bytes: &[u8],
) -> Result<(Tensors, BTreeMap<String, String>), CheckpointError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().iter().flatten();
    let metadata = metadata
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();

    let mut tensors = Tensors::new();
    for (name, view) in SafeTensors::deserialize(bytes)?.iter() {
        let name = name.to_owned();
        let encoding = match view.dtype() {
            Dtype::F32 => Encoding::F32,
            Dtype::F16 => Encoding::F16,
            dtype => return Err(CheckpointError::Dtype { name, dtype }),
        };
        let data = decode(encoding, view.data()).map_err(|source| CheckpointError::Tensor {
            name: name.clone(),
            source,
        })?;
        tensors.insert(
            name,
            HostTensor {
                shape: view.shape().to_vec(),
                data,
            },
        );
    }
    Ok((tensors, metadata))
}

/// Writes tensors in f32, and metadata.
///
/// # Errors
///
/// When the data of a tensor is not as long as its shape says.
pub fn write_safetensors(
    tensors: &Tensors,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, CheckpointError> {
    let bytes: Vec<Vec<u8>> = tensors
        .values()
        .map(|tensor| {
            tensor
                .data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, tensor), bytes)| {
            Ok((
                name,
                TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    let metadata = metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(safetensors::serialize(views, Some(metadata))?)
}
