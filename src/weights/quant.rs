//! Numbers as bytes: single, half, and the two quantised block forms of GGUF, bit for bit as the `gguf` Python package
//! (`gguf/quants.py`) and ggml's `ggml-quants.c` have them.

use half::f16;
use thiserror::Error;

use super::Encoding;

/// Why numbers could not be brought into or out of an encoding.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum QuantError {
    /// Rows are cut into blocks; this one does not divide.
    #[error("rows of {row} values are not whole blocks of {encoding:?}")]
    Row {
        /// The encoding.
        encoding: Encoding,
        /// Size of the last dimension.
        row: usize,
    },
    /// The shape multiplies to more than an address can count.
    #[error("a tensor of shape {shape:?} is too large")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Bytes and shape disagree.
    #[error("{bytes} bytes of {encoding:?} where {expected} belong")]
    Length {
        /// The encoding.
        encoding: Encoding,
        /// Bytes at hand.
        bytes: usize,
        /// Bytes that the shape asks for.
        expected: usize,
    },
    /// An infinite value, no number, or one beyond the range of the encoding.
    #[error("the value {value} cannot be written as {encoding:?}")]
    Range {
        /// The encoding.
        encoding: Encoding,
        /// The value, or the block's scale.
        value: f32,
    },
    /// Q4_1 is taken over as published; nothing here writes it.
    #[error("{0:?} is only read, never written")]
    ReadOnly(Encoding),
}

/// Decodes whole blocks to single precision.
///
/// # Errors
///
/// When the bytes are not whole blocks.
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Vec<f32>, QuantError> {
    let size = encoding.block_bytes();
    if !bytes.len().is_multiple_of(size) {
        let expected = bytes.len() / size * size;
        return Err(QuantError::Length {
            encoding,
            bytes: bytes.len(),
            expected,
        });
    }
    let mut data = Vec::with_capacity(bytes.len() / size * encoding.block_values());
    match encoding {
        Encoding::F32 => {
            let (values, _) = bytes.as_chunks();
            data.extend(values.iter().map(|&value| f32::from_le_bytes(value)));
        }
        Encoding::F16 => data.extend(bytes.as_chunks().0.iter().copied().map(half)),
        Encoding::Q8_0 => {
            let (blocks, _) = bytes.as_chunks::<{ Encoding::Q8_0.block_bytes() }>();
            for &[scale, more, ref values @ ..] in blocks {
                let scale = half([scale, more]);
                data.extend(
                    values
                        .iter()
                        .map(|&byte| scale * f32::from(byte.cast_signed())),
                );
            }
        }
        Encoding::Q4_1 => {
            let (blocks, _) = bytes.as_chunks::<{ Encoding::Q4_1.block_bytes() }>();
            for &[scale, more, minimum, most, ref pairs @ ..] in blocks {
                let (scale, minimum) = (half([scale, more]), half([minimum, most]));
                // Two roundings, as the reference has them: a fused multiply-add would differ in the last bit.
                let value = |nibble: u8| scale * f32::from(nibble) + minimum;
                data.extend(pairs.iter().map(|&pair| value(pair & 0x0f)));
                data.extend(pairs.iter().map(|&pair| value(pair >> 4)));
            }
        }
    }
    Ok(data)
}

/// Encodes values; for [`Encoding::Q8_0`] as `quantize_row_q8_0_ref`: the scale is the largest magnitude over 127.
///
/// # Errors
///
/// When the values are not whole blocks, one of them is not finite or beyond the range of half precision where that is
/// used, or the encoding is [`Encoding::Q4_1`].
pub fn encode(encoding: Encoding, values: &[f32]) -> Result<Vec<u8>, QuantError> {
    let blocks = values.chunks_exact(encoding.block_values());
    if !blocks.remainder().is_empty() {
        return Err(QuantError::Row {
            encoding,
            row: values.len(),
        });
    }
    let mut bytes = Vec::with_capacity(blocks.len() * encoding.block_bytes());
    let push_half = |bytes: &mut Vec<u8>, value: f32| {
        let half = f16::from_f32(value);
        bytes.extend(half.to_le_bytes());
        if half.is_finite() {
            Ok(())
        } else {
            Err(QuantError::Range { encoding, value })
        }
    };
    match encoding {
        Encoding::F32 => {
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(QuantError::Range { encoding, value });
            }
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        Encoding::F16 => {
            for &value in values {
                push_half(&mut bytes, value)?;
            }
        }
        Encoding::Q8_0 => {
            for block in blocks {
                // A NaN would vanish in `max`; as a scale it is refused like an infinity.
                let nan = block.iter().any(|value| value.is_nan());
                let largest = block.iter().fold(0f32, |most, value| most.max(value.abs()));
                let scale = if nan { f32::NAN } else { largest / 127.0 };
                push_half(&mut bytes, scale)?;
                let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
                // `round` is half away from zero, as `roundf` in C.
                bytes.extend(
                    block
                        .iter()
                        .map(|v| ((v * inverse).round() as i8).cast_unsigned()),
                );
            }
        }
        Encoding::Q4_1 => return Err(QuantError::ReadOnly(encoding)),
    }
    Ok(bytes)
}

/// A half-precision number.
fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}
