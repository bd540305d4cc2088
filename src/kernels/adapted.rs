//! Matrices with an adapter beside them, on the CPU: merged they would need eight bits instead of four, a tenth of all weights more.
//!
//! On a GPU, where memory is not the page's and every operation costs, adapters come merged.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExtensionType, backend_extension};
use burn::module::Module;
use burn::tensor::{Int, Tensor};

use super::{Blocks, Norm, Normed, QuantisedMatrix};

/// A matrix in blocks, with the thin matrices of an adapter where they are not merged into it.
#[derive(Module, Debug)]
pub struct AdaptedMatrix {
    matrix: QuantisedMatrix,
    thin: Option<Thin>,
}

#[derive(Module, Debug)]
struct Thin {
    down: QuantisedMatrix,
    up: QuantisedMatrix,
}

/// The words of a matrix of one part, or of several that lie one below the other, and of an adapter for each (Hu et al. 2021): to
/// part `p` of `x Wᵀ` is added `(x Dₚᵀ) Uₚᵀ`.
#[derive(ExtensionType)]
pub struct AdaptedWords<B: Backend> {
    /// W, `[out, ..]`.
    pub matrix: IntTensor<B>,
    /// D of each part in Q8_0, `[parts * rank, ..]`.
    pub down: IntTensor<B>,
    /// U of each part in Q8_0, `[out, ..]`, of `rank` columns.
    pub up: IntTensor<B>,
}

/// Operations of [`Kernels`](super::Kernels) on matrices with an adapter beside them.
#[backend_extension(Flex)]
pub trait AdaptedKernels: Backend {
    /// [`Kernels::quantised_product_onto`](super::Kernels::quantised_product_onto) with a matrix of one part.
    fn adapted_product_onto(
        x: FloatTensor<Self>,
        #[extension_type] words: AdaptedWords<Self>,
        residual: FloatTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self>;

    /// [`Kernels::attention_inputs`](super::Kernels::attention_inputs) with a matrix of three parts: those for queries, keys and values.
    fn adapted_attention_inputs(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        #[extension_type] words: AdaptedWords<Self>,
        rope: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        normed: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl AdaptedMatrix {
    /// One that has its adapter in it, or none.
    pub const fn merged(matrix: QuantisedMatrix) -> Self {
        Self { matrix, thin: None }
    }

    /// One with thin matrices in Q8_0 beside it, see [`AdaptedWords`].
    pub const fn beside(
        matrix: QuantisedMatrix,
        down: QuantisedMatrix,
        up: QuantisedMatrix,
    ) -> Self {
        let thin = Some(Thin { down, up });
        Self { matrix, thin }
    }

    fn words(&self, thin: &Thin) -> AdaptedWords<Dispatch> {
        AdaptedWords {
            matrix: self.matrix.words().into_dispatch(),
            down: thin.down.words().into_dispatch(),
            up: thin.up.words().into_dispatch(),
        }
    }

    /// `residual + x Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, input]`
    /// - `residual` and output: `[rows, out]`
    pub fn product_onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        let Some(thin) = &self.thin else {
            return self.matrix.product_onto(x, residual);
        };
        Tensor::from_dispatch(<Dispatch as AdaptedKernels>::adapted_product_onto(
            x.into_dispatch(),
            self.words(thin),
            residual.into_dispatch(),
            self.matrix.blocks(),
        ))
    }

    /// Queries of `norm(x)`, rotated; its keys and values go into the cache. See
    /// [`Kernels::attention_inputs`](super::Kernels::attention_inputs).
    ///
    /// # Shapes
    ///
    /// - input: `[rows, input]`, `rope`: `[positions, head_width]`, `cache`: `[2, heads, capacity, cache_row]`, `start`: `[1]`
    /// - output: `[rows, query_heads * head_width]` and the cache
    pub fn attention_inputs(
        &self,
        x: Tensor<2>,
        norm: &Norm,
        rope: &Tensor<2>,
        cache: Tensor<4>,
        start: &Tensor<1, Int>,
    ) -> (Tensor<2>, Tensor<4>) {
        let Some(thin) = &self.thin else {
            return self.matrix.attention_inputs(x, norm, rope, cache, start);
        };
        let (query, cache) = <Dispatch as AdaptedKernels>::adapted_attention_inputs(
            x.into_dispatch(),
            norm.weight.clone().into_dispatch(),
            self.words(thin),
            rope.clone().into_dispatch(),
            cache.into_dispatch(),
            start.clone().into_dispatch(),
            self.matrix.normed(norm),
        );
        (Tensor::from_dispatch(query), Tensor::from_dispatch(cache))
    }
}
