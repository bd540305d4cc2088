//! Matrices that stay on the device as they were quantised.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::weights::{EncodedTensor, Encoding};

/// Values in a block.
pub const BLOCK: usize = 32;
/// Rows of a matrix that lie together: first the first block of each, then the second of each. What multiplies four rows at a time then
/// reads the whole matrix from front to back, as memory likes it.
pub const GROUP: usize = 4;

/// How a block of 32 values of a row lies in 32-bit words, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Five words, as in GGUF: scale and minimum in half precision, then 16 bytes; the low nibbles are the values 0 to 15, the high ones
    /// 16 to 31. `value = scale * nibble + minimum`.
    Q4_1,
    /// Nine words: the scale in half precision and two empty bytes (GGUF has none: its blocks do not fall on words), then 32 signed bytes.
    /// `value = scale * byte`.
    Q8_0,
}

impl Blocks {
    /// The form of an encoding, if it is one of blocks.
    pub const fn of(encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::Q4_1 => Some(Self::Q4_1),
            Encoding::Q8_0 => Some(Self::Q8_0),
            Encoding::F32 | Encoding::F16 => None,
        }
    }

    /// The encoding of a file whose blocks these are.
    const fn encoding(self) -> Encoding {
        match self {
            Self::Q4_1 => Encoding::Q4_1,
            Self::Q8_0 => Encoding::Q8_0,
        }
    }

    /// Words of a block.
    pub const fn words(self) -> usize {
        match self {
            Self::Q4_1 => 5,
            Self::Q8_0 => 9,
        }
    }
}

/// A matrix of quantised blocks, `[out, input]`.
#[derive(Module, Debug)]
pub struct QuantisedMatrix {
    words: Tensor<2, Int>,
    #[module(skip)]
    blocks: Blocks,
}

impl QuantisedMatrix {
    /// Copies a matrix to the device, its values as they are. Nothing if its encoding is not one of blocks, or it is no matrix of a multiple
    /// of four rows.
    pub fn new(tensor: &EncodedTensor, device: &Device) -> Option<Self> {
        Self::stack(std::slice::from_ref(tensor), device)
    }

    /// Copies matrices to the device, one below the other, so that they are multiplied by at once. Nothing if they are not of one encoding
    /// and width, or one of them is nothing for [`QuantisedMatrix::new`].
    pub fn stack(tensors: &[EncodedTensor], device: &Device) -> Option<Self> {
        let first = tensors.first()?;
        let blocks = Blocks::of(first.encoding)?;
        let input = *first.shape.get(1)?;
        let mut rows = 0;
        for tensor in tensors {
            match tensor.shape[..] {
                [out, same]
                    if tensor.encoding == first.encoding && same == input && out % GROUP == 0 =>
                {
                    rows += out;
                }
                _ => return None,
            }
        }
        let row_blocks = input / BLOCK;
        let shape = [rows, row_blocks * blocks.words()];
        let mut words = Vec::with_capacity(shape[0] * shape[1]);
        for tensor in tensors {
            extend_grouped(&mut words, &tensor.bytes, row_blocks, blocks);
        }
        let words = Tensor::from_data(TensorData::new(words, shape), device);
        Some(Self { words, blocks })
    }

    /// `[out, input]`.
    pub fn dims(&self) -> [usize; 2] {
        let [out, words] = self.words.dims();
        [out, words / self.blocks.words() * BLOCK]
    }

    /// The form of its blocks.
    pub const fn blocks(&self) -> Blocks {
        self.blocks
    }

    /// The blocks, `[out, input / 32 * words a block]`, in groups of four rows.
    pub fn words(&self) -> Tensor<2, Int> {
        self.words.clone()
    }
}

/// Adds the words of the blocks of four rows at a time, block by block.
fn extend_grouped(words: &mut Vec<i32>, bytes: &[u8], row_blocks: usize, blocks: Blocks) {
    let block_bytes = blocks.encoding().block_bytes();
    let row_bytes = row_blocks * block_bytes;
    for group in bytes.chunks_exact(GROUP * row_bytes) {
        for block in 0..row_blocks {
            for row in group.chunks_exact(row_bytes) {
                let mut block = &row[block * block_bytes..][..block_bytes];
                if blocks == Blocks::Q8_0 {
                    words.push(i32::from(u16::from_le_bytes([block[0], block[1]])));
                    block = &block[2..];
                }
                let (whole, _) = block.as_chunks();
                words.extend(whole.iter().map(|word| i32::from_le_bytes(*word)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::weights::HostTensor;

    /// A random matrix in blocks, as bytes of a file.
    fn matrix(rng: &mut ChaCha8Rng, encoding: Encoding, shape: [usize; 2]) -> EncodedTensor {
        let count = shape[0] * shape[1] / BLOCK;
        let mut bytes = Vec::new();
        for _ in 0..count {
            let mut half = |low: f32, high: f32| {
                half::f16::from_f32(rng.random_range(low..high)).to_le_bytes()
            };
            bytes.extend(half(-0.02, 0.02));
            if encoding == Encoding::Q4_1 {
                bytes.extend(half(-0.2, 0.2));
            }
            let rest = encoding.block_bytes() - if encoding == Encoding::Q4_1 { 4 } else { 2 };
            bytes.extend((0..rest).map(|_| rng.random::<u8>()));
        }
        EncodedTensor {
            encoding,
            shape: shape.to_vec(),
            bytes,
        }
    }

    fn to_vec(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn products_and_rows_are_those_of_the_decoded_matrix() {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for encoding in [Encoding::Q4_1, Encoding::Q8_0] {
            // One row as in decoding, by the weights as they are; then so many that the weights are brought to 15 bits.
            for (rows, input, out, within) in [
                (1, 32, 4, 1e-5),
                (1, 576, 8, 1e-5),
                (4, 96, 4, 5e-5),
                (7, 64, 8, 5e-5),
            ] {
                let encoded = matrix(&mut rng, encoding, [out, input]);
                let HostTensor { data: weights, .. } = encoded.decode().unwrap();
                let quantised = QuantisedMatrix::new(&encoded, &device).unwrap();
                assert_eq!(quantised.dims(), [out, input]);
                assert_eq!(to_vec(quantised.decode()), weights);

                let x: Vec<f32> = (0..rows * input)
                    .map(|_| rng.random_range(-3.0..3.0))
                    .collect();
                let tensor = Tensor::from_data(TensorData::new(x.clone(), [rows, input]), &device);
                let y = to_vec(quantised.product(tensor));
                for (row, x) in x.chunks_exact(input).enumerate() {
                    for (column, weights) in weights.chunks_exact(input).enumerate() {
                        let pairs = || x.iter().zip(weights);
                        let exact: f64 = pairs().map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                        let size: f64 = pairs().map(|(x, w)| f64::from(x * w).abs()).sum();
                        let found = f64::from(y[row * out + column]);
                        assert!(
                            (found - exact).abs() <= within * size,
                            "{encoding:?} {rows}x{input}: {found} for {exact}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn activations_may_be_zero_or_a_view() {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let encoded = matrix(&mut rng, Encoding::Q4_1, [4, 64]);
        let quantised = QuantisedMatrix::new(&encoded, &device).unwrap();
        assert_eq!(
            to_vec(quantised.product(Tensor::zeros([1, 64], &device))),
            [0.0; 4]
        );
        let x = Tensor::<2>::random([64, 3], burn::tensor::Distribution::Default, &device);
        let view = to_vec(quantised.product(x.clone().transpose()));
        let copied: Vec<f32> = to_vec(x.transpose());
        let copied = Tensor::from_data(TensorData::new(copied, [3, 64]), &device);
        assert_eq!(view, to_vec(quantised.product(copied)));
    }

    #[test]
    fn what_is_no_matrix_of_blocks_is_not_taken() {
        let device = Device::flex();
        let tensor = |encoding, shape: &[usize]| {
            let bytes = vec![0; encoding_bytes(encoding, shape)];
            QuantisedMatrix::new(
                &EncodedTensor {
                    encoding,
                    shape: shape.to_vec(),
                    bytes,
                },
                &device,
            )
        };
        assert!(tensor(Encoding::F16, &[4, 32]).is_none());
        assert!(tensor(Encoding::Q8_0, &[64]).is_none());
        assert!(tensor(Encoding::Q8_0, &[2, 32]).is_none());
        assert!(tensor(Encoding::Q8_0, &[4, 32]).is_some());
    }

    #[test]
    fn matrices_of_one_form_stand_one_below_the_other() {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut of = |encoding, shape| matrix(&mut rng, encoding, shape);
        let parts = [of(Encoding::Q4_1, [8, 64]), of(Encoding::Q4_1, [4, 64])];
        let stack = QuantisedMatrix::stack(&parts, &device).unwrap();
        assert_eq!(stack.dims(), [12, 64]);
        let decoded = parts.each_ref().map(|part| part.decode().unwrap().data);
        assert_eq!(to_vec(stack.decode()), decoded.concat());
        for other in [of(Encoding::Q8_0, [4, 64]), of(Encoding::Q4_1, [4, 32])] {
            let parts = [parts[0].clone(), other];
            assert!(QuantisedMatrix::stack(&parts, &device).is_none());
        }
        assert!(QuantisedMatrix::stack(&[], &device).is_none());
    }

    fn encoding_bytes(encoding: Encoding, shape: &[usize]) -> usize {
        encoding.bytes(shape).unwrap()
    }
}
