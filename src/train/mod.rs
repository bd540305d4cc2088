//! Training of the connector and of low-rank adapters on the decoder's attention, on link-context episodes. Everything else is frozen.

pub mod adapter;
mod channels;
pub mod encoder;
pub mod episodes;
pub mod geometry;
mod gradients;
pub mod ingredients;
mod leaning;
pub mod log;
pub mod names;
pub mod run;
pub mod strategy;
mod trainer;
mod workers;

use rayon::ThreadPoolBuildError;
use thiserror::Error;

pub use self::trainer::Trainer;
use crate::model::ParameterError;

/// Why training could not go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The weights do not fit the model.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The device gave no result.
    #[error("the device failed: {0}")]
    Device(String),
    /// The threads could not be started.
    #[error("no threads: {0}")]
    Threads(#[from] ThreadPoolBuildError),
    /// The optimiser's state could not be written or read.
    #[error("the optimiser's state: {0}")]
    Optimiser(String),
}

/// The learning rate at `step` of `steps`: a straight rise over `warmup`, then half a cosine to zero.
pub fn rate(step: usize, steps: usize, warmup: usize, peak: f64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let progress = (step - warmup) as f64 / (steps - warmup).max(1) as f64;
    peak * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
}

fn device_error(error: impl std::fmt::Debug) -> TrainError {
    TrainError::Device(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rate_rises_then_falls_to_zero() {
        assert_eq!(rate(0, 100, 10, 1.0), 0.1);
        assert_eq!(rate(9, 100, 10, 1.0), 1.0);
        assert!((rate(55, 100, 10, 1.0) - 0.5).abs() < 1e-12);
        assert!(rate(100, 100, 10, 1.0).abs() < 1e-12);
    }
}
