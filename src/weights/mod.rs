//! Weights: from the files that others published to the pack that the page downloads, and from the pack to plain tensors.
//!
//! The originals are a GGUF file (`gguf`) and a torch pickle (`torch`); our own training writes safetensors
//! (`checkpoint`). `convert` brings all three under the model's names, and [`pack`] is the form that travels. Every reader here takes what it does not
//! trust (bytes; of `torch`, which Burn's crate reads, a path): sizes are checked before memory is asked for, and a bad file is an error with a name, never a panic.

#[cfg(feature = "train")]
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod convert;
#[cfg(feature = "cli")]
pub mod gguf;
pub mod pack;
pub mod quant;
#[cfg(feature = "cli")]
pub mod torch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use quant::QuantError;

/// A dense tensor in memory, row-major: the last dimension runs fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// As many values as the shape multiplies to.
    pub data: Vec<f32>,
}

/// How numbers are written as bytes, little-endian.
///
/// The two quantised forms are those of GGUF: blocks of 32 along a row, so the last dimension must be a multiple of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// IEEE single precision, 4 bytes a value.
    F32,
    /// IEEE half precision, 2 bytes a value.
    F16,
    /// 34 bytes a block: an f16 scale, then 32 signed bytes; `value = scale * byte`.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// 20 bytes a block: an f16 scale, an f16 minimum, then 16 bytes of two nibbles; `value = scale * nibble + minimum`.
    #[serde(rename = "q4_1")]
    Q4_1,
}

impl Encoding {
    /// Values in a block, the smallest piece that stands alone.
    pub const fn block_values(self) -> usize {
        match self {
            Self::F32 | Self::F16 => 1,
            Self::Q8_0 | Self::Q4_1 => 32,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_1 => 20,
        }
    }

    /// Bytes that a tensor of this shape takes.
    ///
    /// # Errors
    ///
    /// When its rows are not whole blocks, or its size does not fit in memory at all.
    pub fn bytes(self, shape: &[usize]) -> Result<usize, QuantError> {
        let row = shape.last().copied().unwrap_or(1);
        if !row.is_multiple_of(self.block_values()) {
            return Err(QuantError::Row {
                encoding: self,
                row,
            });
        }
        let values = shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size));
        values
            .and_then(|values| (values / self.block_values()).checked_mul(self.block_bytes()))
            .ok_or_else(|| QuantError::TooLarge {
                shape: shape.to_vec(),
            })
    }
}

/// A tensor as it stands in a file: bytes in one of the [`Encoding`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedTensor {
    /// How the bytes are to be read.
    pub encoding: Encoding,
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major, as many as [`Encoding::bytes`] says.
    pub bytes: Vec<u8>,
}

impl EncodedTensor {
    /// Encodes a dense tensor.
    ///
    /// # Errors
    ///
    /// When the rows are not whole blocks, the shape does not match the data, a value is beyond what the encoding can
    /// hold, or the encoding is [`Encoding::Q4_1`], which is only read.
    pub fn encode(encoding: Encoding, tensor: &HostTensor) -> Result<Self, QuantError> {
        let bytes = quant::encode(encoding, &tensor.data)?;
        let encoded = Self {
            encoding,
            shape: tensor.shape.clone(),
            bytes,
        };
        encoded.validate()?;
        Ok(encoded)
    }

    /// Whether the number of bytes is what encoding and shape ask for.
    ///
    /// # Errors
    ///
    /// When it is not, or no number would be.
    pub fn validate(&self) -> Result<(), QuantError> {
        let (encoding, bytes) = (self.encoding, self.bytes.len());
        let expected = encoding.bytes(&self.shape)?;
        if bytes == expected {
            Ok(())
        } else {
            Err(QuantError::Length {
                encoding,
                bytes,
                expected,
            })
        }
    }

    /// The values in single precision.
    ///
    /// # Errors
    ///
    /// When the number of bytes is not what encoding and shape ask for.
    pub fn decode(&self) -> Result<HostTensor, QuantError> {
        self.validate()?;
        let data = quant::decode(self.encoding, &self.bytes)?;
        Ok(HostTensor {
            shape: self.shape.clone(),
            data,
        })
    }
}

/// Tensors by the model's names, in the order in which they stand in a pack.
pub type Weights = BTreeMap<String, EncodedTensor>;

/// Dense tensors by name.
pub type Tensors = BTreeMap<String, HostTensor>;
