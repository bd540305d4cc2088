//! The operations on tensors.

use burn::backend::Dispatch;
use burn::module::Module;
use burn::tensor::{Int, Tensor};

use super::{Kernels, Normed, QuantisedMatrix};

/// A root-mean-square norm that is fused into what follows it.
#[derive(Module, Debug)]
pub struct Norm {
    /// A weight a channel, `[width]`.
    pub weight: Tensor<1>,
    /// Added to the mean square.
    pub epsilon: f64,
}

/// The likeliest token of a step, and all logits.
#[derive(Clone, Debug)]
pub struct Likeliest {
    /// `[1, vocabulary]`.
    pub logits: Tensor<2>,
    /// Index, logit, and logarithm of the sum of all exponentials less the logit, `[3]`.
    pub top: Tensor<1>,
}

impl QuantisedMatrix {
    /// With a norm before it.
    pub(super) fn normed(&self, norm: &Norm) -> Normed {
        Normed {
            blocks: self.blocks(),
            epsilon: norm.epsilon as f32,
        }
    }

    /// `x Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, input]`
    /// - output: `[rows, out]`
    pub fn product(&self, x: Tensor<2>) -> Tensor<2> {
        Tensor::from_dispatch(<Dispatch as Kernels>::quantised_product(
            x.into_dispatch(),
            self.words().into_dispatch(),
            self.blocks(),
        ))
    }

    /// `residual + x Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, input]`
    /// - `residual` and output: `[rows, out]`
    pub fn product_onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        Tensor::from_dispatch(<Dispatch as Kernels>::quantised_product_onto(
            x.into_dispatch(),
            self.words().into_dispatch(),
            residual.into_dispatch(),
            self.blocks(),
        ))
    }

    /// `silu(g) * u` for the halves g and u of `norm(x) Wᵀ`.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, input]`
    /// - output: `[rows, out / 2]`
    pub fn gated(&self, x: Tensor<2>, norm: &Norm) -> Tensor<2> {
        Tensor::from_dispatch(<Dispatch as Kernels>::gated_product(
            x.into_dispatch(),
            norm.weight.clone().into_dispatch(),
            self.words().into_dispatch(),
            self.normed(norm),
        ))
    }

    /// Queries of `norm(x)`, rotated; its keys and values go into the cache. See [`Kernels::attention_inputs`].
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
        let (query, cache) = <Dispatch as Kernels>::attention_inputs(
            x.into_dispatch(),
            norm.weight.clone().into_dispatch(),
            self.words().into_dispatch(),
            rope.clone().into_dispatch(),
            cache.into_dispatch(),
            start.clone().into_dispatch(),
            self.normed(norm),
        );
        (Tensor::from_dispatch(query), Tensor::from_dispatch(cache))
    }

    /// Logits of `norm(x)` and the likeliest of them.
    ///
    /// # Shapes
    ///
    /// - input: `[1, input]`
    pub fn likeliest(&self, x: Tensor<2>, norm: &Norm) -> Likeliest {
        let (logits, top) = <Dispatch as Kernels>::likeliest(
            x.into_dispatch(),
            norm.weight.clone().into_dispatch(),
            self.words().into_dispatch(),
            self.normed(norm),
        );
        Likeliest {
            logits: Tensor::from_dispatch(logits),
            top: Tensor::from_dispatch(top),
        }
    }

    /// Some rows, decoded.
    ///
    /// # Shapes
    ///
    /// - input: `[count]`
    /// - output: `[count, input]`
    pub fn rows(&self, rows: Tensor<1, Int>) -> Tensor<2> {
        Tensor::from_dispatch(<Dispatch as Kernels>::quantised_rows(
            self.words().into_dispatch(),
            rows.into_dispatch(),
            self.blocks(),
        ))
    }

    /// The whole matrix, decoded.
    ///
    /// # Shapes
    ///
    /// - output: `[out, input]`
    pub fn decode(&self) -> Tensor<2> {
        let [out, _] = self.dims();
        self.rows(Tensor::arange(0..out as i64, &self.words().device()))
    }
}

/// Attention of rotated queries, the first at position `start`, to the cache up to their own positions. What the last of them pays to every
/// position is added to `evidence`, a row a head.
///
/// # Shapes
///
/// - `query`: `[rows, query_heads * head_width]`, `cache`: `[2, heads, capacity, cache_row]`, `start`: `[1]`
/// - `evidence`: `[heads, capacity]`, or `[1, 1]` where it is not wanted
/// - output: as `query`, and the evidence
pub fn cached_attention(
    query: Tensor<2>,
    cache: &Tensor<4>,
    start: &Tensor<1, Int>,
    evidence: Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    let (mixed, evidence) = <Dispatch as Kernels>::cached_attention(
        query.into_dispatch(),
        cache.clone().into_dispatch(),
        start.clone().into_dispatch(),
        evidence.into_dispatch(),
    );
    (
        Tensor::from_dispatch(mixed),
        Tensor::from_dispatch(evidence),
    )
}
