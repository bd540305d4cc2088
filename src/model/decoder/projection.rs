//! A matrix with, in training, a low-rank adapter beside it.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::model::parameters::{ParameterError, Parameters, trainable};

/// The low-rank half of LoRA (Hu et al. 2021): `scale * up (down x)`.
#[derive(Module, Debug)]
pub struct LowRank {
    down: Param<Tensor<2>>,
    up: Param<Tensor<2>>,
    scale: f64,
}

/// A linear map without bias, `y = x Wᵀ`, whose matrix is frozen. Out of a pack it comes with the adapter merged; in training the adapter
/// stands beside it.
#[derive(Module, Debug)]
pub struct Projection {
    weight: Tensor<2>,
    low_rank: Option<LowRank>,
}

impl Projection {
    /// Takes the matrix `name`, of shape `[out, input]`.
    ///
    /// # Errors
    ///
    /// When it is missing or of another shape.
    pub fn take(
        parameters: &mut Parameters,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            weight: parameters.take(name, shape)?,
            low_rank: None,
        })
    }

    /// Puts an adapter beside the matrix `name`: `down` is `[rank, input]`, `up` is `[out, rank]`.
    pub fn attach(&mut self, name: &str, down: Tensor<2>, up: Tensor<2>, scale: f64) {
        self.low_rank = Some(LowRank {
            down: trainable(&format!("{name}.lora.down"), down),
            up: trainable(&format!("{name}.lora.up"), up),
            scale,
        });
    }

    /// The adapter's `down` and `up`, where there is one.
    pub fn low_rank(&self) -> Option<(Tensor<2>, Tensor<2>)> {
        self.low_rank
            .as_ref()
            .map(|adapter| (adapter.down.val(), adapter.up.val()))
    }

    /// # Shapes
    ///
    /// - input: `[rows, input]`
    /// - output: `[rows, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.clone().matmul(self.weight.clone().transpose());
        match &self.low_rank {
            None => y,
            Some(LowRank { down, up, scale }) => {
                let low = x.matmul(down.val().transpose()) * *scale;
                y + low.matmul(up.val().transpose())
            }
        }
    }
}
