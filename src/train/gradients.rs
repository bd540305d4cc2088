//! What is done with gradients between a backward pass and the optimiser.

use burn::module::{Module as _, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::TrainError;
use crate::model::LinkContextModel;

/// Gradient norm above which all gradients are scaled down together.
const GRADIENT_NORM: f64 = 1.0;

/// Gives every parameter a leaf of its own in a new graph; values and identities stay.
pub(super) struct FreshLeaves;

impl ModuleMapper for FreshLeaves {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| Tensor::from_inner(tensor.inner()).require_grad())
    }
}

/// Adds gradients to others.
pub(super) struct Sum {
    pub(super) from: GradientsParams,
    pub(super) into: GradientsParams,
}

impl ModuleVisitor for Sum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(more) = self.from.remove::<D>(param.id) {
            let sum = match self.into.remove::<D>(param.id) {
                Some(sum) => sum + more,
                None => more,
            };
            self.into.register(param.id, sum);
        }
    }
}

/// Scales all gradients so that their joint norm is at most [`GRADIENT_NORM`] (Burn's own clipping knows one tensor at a time).
pub(super) fn clip(
    gradients: GradientsParams,
    model: &LinkContextModel,
) -> Result<GradientsParams, TrainError> {
    struct SquaredNorm<'a>(&'a GradientsParams, f64);
    impl ModuleVisitor for SquaredNorm<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                let sum = gradient.powi_scalar(2).sum().try_into_scalar::<f32>();
                self.1 += sum.map_or(f64::NAN, f64::from);
            }
        }
    }
    struct Scale(GradientsParams, f64);
    impl ModuleVisitor for Scale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.remove::<D>(param.id) {
                self.0.register(param.id, gradient * self.1);
            }
        }
    }
    let mut norm = SquaredNorm(&gradients, 0.0);
    model.visit(&mut norm);
    let norm = norm.1.sqrt();
    if !norm.is_finite() {
        return Err(TrainError::Device("a gradient is not a number".into()));
    }
    if norm <= GRADIENT_NORM {
        return Ok(gradients);
    }
    let mut scale = Scale(gradients, GRADIENT_NORM / norm);
    model.visit(&mut scale);
    Ok(scale.0)
}
