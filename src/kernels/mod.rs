//! Operations that Burn does not have, or not in a form for one token or one picture at a time: the parts of a decoder on weights that stay
//! as they were quantised, and of a picture encoder.
//!
//! Every operation has a form for each back end that the page uses: `cpu` for Flex, `gpu` for WebGPU; but [`AdaptedKernels`], which the CPU
//! alone needs. The tests hold both against plain
//! tensor operations on the decoded matrices. What is fused is what one token's step would otherwise send to the device in many small pieces.

mod adapted;
pub mod convolutions;
mod cpu;
#[cfg(feature = "webgpu")]
mod gpu;
mod packed;
pub mod quantised;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::Device;

pub use self::adapted::{AdaptedKernels, AdaptedMatrix, AdaptedWords};
pub use self::convolutions::{ChannelFilters, Convolutions, Filters};
pub use self::packed::{Likeliest, Norm, cached_attention};
pub use self::quantised::{Blocks, QuantisedMatrix};

/// A matrix of blocks with a norm before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normed {
    /// The form of the matrix.
    pub blocks: Blocks,
    /// Added to the mean square.
    pub epsilon: f32,
}

/// Numbers that a key or a value of `width` channels takes in a cache. On the CPU, where the cache is a part of the page's memory, the first is a
/// scale, and each further one has the room of two 16-bit integers, of which one stands for a channel; a GPU's kernels have a number a channel.
pub fn cache_row(width: usize, device: &Device) -> usize {
    if device.clone().without_autodiff() == Device::flex() {
        1 + width / 2
    } else {
        width
    }
}

/// The operations of a decoder, on the back ends' own tensors. A matrix in blocks is `[out, input / 32 * words a block]`, see [`Blocks`]; it is never
/// decoded as a whole. A norm is a root-mean-square norm with a weight a channel.
#[backend_extension(Flex, Cube: cfg(feature = "webgpu"))]
pub trait Kernels: Backend {
    /// `x Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`
    /// - output: `[rows, out]`
    fn quantised_product(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self>;

    /// `residual + x Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`
    /// - `residual` and output: `[rows, out]`
    fn quantised_product_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        residual: FloatTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self>;

    /// `silu(g) * u` for the halves g and u of `norm(x) Wᵀ`: a gated feed-forward up to its last matrix.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`, `norm`: `[input]`
    /// - `words`: `[2 out, ..]`
    /// - output: `[rows, out]`
    fn gated_product(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        normed: Normed,
    ) -> FloatTensor<Self>;

    /// Queries, keys and values of `norm(x)`; queries and keys are rotated by their positions, and keys and values are written into the
    /// cache, in place, from the position `start` on.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`, `norm`: `[input]`
    /// - `words`: `[queries + 2 * cached heads * head width, ..]`, the matrices of queries, keys and values one after the other
    /// - `rope`: `[positions, head width]`, cosines in the first half of a row and sines in the second
    /// - `cache`: `[2, cached heads, capacity, cache_row(head width)]`, keys and values, see [`cache_row`]
    /// - `start`: `[1]`
    /// - output: queries `[rows, queries]` and the cache
    fn attention_inputs(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        rope: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        normed: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Attention of every query to the cache up to its own position; adds what the last query pays to each position, a row a head,
    /// to `evidence`, in place.
    ///
    /// # Shapes
    ///
    /// - `query`: `[rows, heads * head width]`, the first of them at position `start`, `[1]`
    /// - `cache`: `[2, cached heads, capacity, cache_row(head width)]`
    /// - `evidence`: `[heads, capacity]`, or `[1, 1]` where it is not wanted
    /// - output: `[rows, heads * head width]` and the evidence
    fn cached_attention(
        query: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        evidence: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Logits of one row, and of them the most likely: its index, its logit, and the logarithm of the sum of all logits' exponentials less
    /// that logit.
    ///
    /// # Shapes
    ///
    /// - `x`: `[1, input]`, `norm`: `[input]`
    /// - output: `[1, out]` and `[3]`
    fn likeliest(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        normed: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Some rows of a matrix, decoded.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[count]`
    /// - output: `[count, input]`
    fn quantised_rows(
        words: IntTensor<Self>,
        rows: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self>;
}
