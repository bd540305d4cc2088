//! Checkpoints of PyTorch, in any of the forms that `torch.save` has written.
//!
//! A pickle is a program that may call anything by name. The crate `pytorch-reader` knows tensors, storages and plain containers, and calls
//! nothing.

use std::fs;
use std::io;
use std::path::Path;

use pytorch_reader::{DType, PytorchError, PytorchReader};
use thiserror::Error;

use super::{HostTensor, Tensors};

/// Why a torch file could not be read.
#[derive(Debug, Error)]
pub enum TorchError {
    /// It cannot be opened, or ends inside a tensor.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is none, or holds what no plain checkpoint does.
    #[error(transparent)]
    Form(#[from] PytorchError),
    /// The tensors together ask for more memory than the file can justify.
    #[error("the tensors of the torch file overlap beyond reason")]
    Overlap,
}

/// Reads the single-precision tensors of a state dictionary, by name and row-major.
///
/// Other tensors (the batch counters of batch normalisation) are read over. Nothing of the file is executed.
///
/// # Errors
///
/// When the file cannot be read, is no torch checkpoint, is cut off, or its tensors are larger together than it is.
pub fn read(path: &Path) -> Result<Tensors, TorchError> {
    let length = fs::metadata(path)?.len();
    let tensors = PytorchReader::new(path)?.into_tensors();
    let floats = tensors
        .into_iter()
        .filter(|(_, tensor)| tensor.dtype() == DType::F32);
    let mut total = 0_u64;
    floats
        .map(|(name, tensor)| {
            // Tensors may share a storage, so a small file could ask for much memory; a real one shares little.
            total = total.saturating_add(tensor.byte_len() as u64);
            if total > length {
                return Err(TorchError::Overlap);
            }
            let bytes = tensor.read()?;
            let values = bytes.as_chunks().0.iter().copied();
            let tensor = HostTensor {
                shape: tensor.shape().to_vec(),
                data: values.map(f32::from_ne_bytes).collect(),
            };
            Ok((name, tensor))
        })
        .collect()
}
