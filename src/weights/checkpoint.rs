//! What our own training writes: safetensors, the adapter and the states to go on from.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde_json::Value;
use thiserror::Error;

use super::quant::{QuantError, decode, encode};
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
    /// An encoding that a safetensors file cannot hold.
    #[error("safetensors files hold f32 or f16, not {0:?}")]
    Quantised(Encoding),
    /// The values of a tensor do not match its shape, or cannot be written so.
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

/// Writes tensors, all in f32 or all in f16, and metadata.
///
/// # Errors
///
/// When the data of a tensor is not as long as its shape says, a value is beyond f16, or `encoding` is a quantised one, which
/// safetensors files cannot hold.
pub fn write_safetensors(
    tensors: &Tensors,
    metadata: &BTreeMap<String, String>,
    encoding: Encoding,
) -> Result<Vec<u8>, CheckpointError> {
    let dtype = match encoding {
        Encoding::F32 => Dtype::F32,
        Encoding::F16 => Dtype::F16,
        quantised => return Err(CheckpointError::Quantised(quantised)),
    };
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| {
            encode(encoding, &tensor.data).map_err(|source| CheckpointError::Tensor {
                name: name.clone(),
                source,
            })
        })
        .collect::<Result<_, _>>()?;
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, tensor), bytes)| {
            Ok((name, TensorView::new(dtype, tensor.shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    let metadata = metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut file = safetensors::serialize(views, Some(metadata))?;
    sort_header(&mut file);
    Ok(file)
}

/// Brings the header's keys into their order. The library writes metadata in one that is drawn anew each time, and what was trained again by
/// the same seed could not be told to be the same file.
fn sort_header(file: &mut [u8]) {
    let Some((length, rest)) = file.split_first_chunk_mut() else {
        return;
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).ok();
    let Some(header) = length.and_then(|length| rest.get_mut(..length)) else {
        return;
    };
    let sorted = serde_json::from_slice(header)
        .and_then(|keys: BTreeMap<String, BTreeMap<String, Value>>| serde_json::to_vec(&keys));
    let Ok(mut sorted) = sorted else {
        return;
    };
    // As the library does, blanks in place of what is left, so that the data stays where it is.
    if sorted.len() <= header.len() {
        sorted.resize(header.len(), b' ');
        header.copy_from_slice(&sorted);
    }
}
