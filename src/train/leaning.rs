//! Learning where to look: where the support set tells a name, the decoder is to attend to the names of the right concept.
//!
//! What answers is the decoder's output; that alone teaches few heads at a time, through all layers after them. The share of the right
//! concept in the attention to names, the mean over heads and layers, is what the page shows as the link, and is learned from directly.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::episodes::Told;
use crate::model::decoder::Watched;

/// What is to be watched in a sequence of `seq_len`: the places from which the told names are predicted.
pub fn watch(told: &[Told], seq_len: usize, device: &Device) -> Watched {
    let rows: Vec<i32> = told.iter().map(|told| told.row as i32).collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [told.len()]), device);
    Watched::new(rows, seq_len)
}

/// The share of the right concept's names in what each watched position paid to names.
///
/// # Shapes
///
/// - output: `[told]`, between 0 and 1
pub fn shares(watched: &Watched, told: &[Told]) -> Tensor<1> {
    let [rows, seq_len] = watched.paid.dims();
    let to = |positions: fn(&Told) -> &[usize]| {
        let mut mask = vec![0.0_f32; rows * seq_len];
        for (told, row) in told.iter().zip(mask.chunks_exact_mut(seq_len)) {
            positions(told).iter().for_each(|&at| row[at] = 1.0);
        }
        let mask = TensorData::new(mask, [rows, seq_len]);
        let mask = Tensor::from_data(mask, &watched.paid.device());
        (watched.paid.clone() * mask).sum_dim(1).squeeze_dim::<1>(1)
    };
    let same = to(|told| &told.same);
    let others = to(|told| &told.others);
    same.clone() / (same + others)
}
