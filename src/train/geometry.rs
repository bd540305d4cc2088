//! The connector's start: a linear map under which pictures of one class already lie close together.
//!
//! From a random map the decoder's attention would first have to find the few directions that tell concepts apart, with low-rank
//! adapters that see few directions at a time. Linear discriminant analysis (Fisher 1936; here with the within-class scatter shrunk
//! towards a multiple of the identity, as in Friedman 1989) puts those directions first, in closed form, from the training classes alone.
//!
//! The decoder compares pictures in a head or two, of 64 channels each, whose maps are random to these directions. If all 576 came with the
//! same strength, what is compared would be a random 64 of them. So the few that tell most come loud: random maps keep distances among few
//! directions. On held-out classes the nearest prototype under random maps to 64 dimensions is right for 92.8 and 75.5 % (Caltech-101 and
//! Tiny-ImageNet, 2-way, one shot) with all directions alike, for 95.5 and 84.8 % with 48 loud ones, and for 98 and 87 % without a map
//! (measured once, 2,000 and more episodes each, on the vectors of whole pictures).
//!
//! The connector itself compares whole pictures along more of these directions, all of the same strength ([`discriminants`]).

use nalgebra::{DMatrix, SymmetricEigen};
use rand::Rng;

use super::adapter::normal;
use crate::features::ClassFeatures;

/// Shrinkage: this many times the mean variance within a class is added to every direction's. Chosen by the nearest prototype on the
/// held-out classes' features among 0.1 to 10, where little hangs on it.
const SHRINKAGE: f64 = 3.0;
/// The same where whole pictures are compared. Chosen with the number of directions, among 1, 3 and 10 and 64 to 384, by the nearest prototype
/// in cross-validation among training classes, where little hangs on either (docs/choices.md).
const COMPARED_SHRINKAGE: f64 = 1.0;
/// Directions that come loud, and how loud the others are. Chosen among 24 to 96 and 0 to 0.2 as the shrinkage was.
const LOUD: usize = 48;
const QUIET: f64 = 0.1;
/// Smallest deviation of a channel: one that never fires would divide by zero.
const SMALLEST_DEVIATION: f64 = 1e-3;

/// Where the connector starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Mean of each channel, `[channels]`.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, `[channels]`.
    pub deviation: Vec<f32>,
    /// The map from standardised channels, `[width, channels]` row-major.
    pub weight: Vec<f32>,
    /// The loud directions in the decoder's coordinates, of length one, `[LOUD or fewer, width]` row-major.
    pub loud: Vec<f32>,
}

impl Geometry {
    /// Fits the map to classes' visual tokens of `channels` values; `parts` of them a picture. The `width` directions of most variance
    /// between classes are kept, all but the first quietly, in a random rotation, so that no coordinate of the decoder gets more than another.
    pub fn fit(
        classes: &[&ClassFeatures],
        parts: usize,
        channels: usize,
        width: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let (mean, deviation) = statistics(classes, channels);
        let (within, total) = scatters(classes, parts, channels, &mean, &deviation);
        let shrinkage = SHRINKAGE * within.trace() / channels as f64;
        let whitening = whitening(within, shrinkage);
        let spread = SymmetricEigen::new(&whitening * total * &whitening);
        let order = descending(&spread);
        let directions = DMatrix::from_fn(channels, width, |row, column| {
            let loudness = if column < LOUD { 1.0 } else { QUIET };
            order
                .get(column)
                .map_or(0.0, |&best| loudness * spread.eigenvectors[(row, best)])
        });
        let rotation = rotation(width, rng);
        // A matrix lies in memory column by column.
        let loud = rotation.columns(0, LOUD.min(width)).into_owned();
        let map = rotation * directions.transpose() * whitening;
        Self {
            mean: mean.iter().map(|&value| value as f32).collect(),
            deviation: deviation.iter().map(|&value| value as f32).collect(),
            weight: map.transpose().iter().map(|&value| value as f32).collect(),
            loud: loud.iter().map(|&value| value as f32).collect(),
        }
    }
}

/// The `count` linear discriminants of whole pictures, `[count, channels]` row-major: in these coordinates pictures of one class vary by about
/// one along each, and the classes apart the most along the first. Of features standardised by `mean` and `deviation`, `parts` vectors a
/// picture, the first of the whole; every class counts as much as any other.
pub fn discriminants(
    classes: &[&ClassFeatures],
    parts: usize,
    mean: &[f32],
    deviation: &[f32],
    count: usize,
) -> Vec<f32> {
    let channels = mean.len();
    let mut within = DMatrix::<f32>::zeros(channels, channels);
    let mut centres = DMatrix::<f32>::zeros(channels, classes.len());
    for (class, mut centre_of) in classes.iter().zip(centres.column_iter_mut()) {
        let values = class.values();
        let mut wholes = DMatrix::from_fn(channels, class.len(), |channel, picture| {
            let value = values[picture * parts * channels + channel].to_f32();
            (value - mean[channel]) / deviation[channel]
        });
        let centre = wholes.column_mean();
        for mut whole in wholes.column_iter_mut() {
            whole -= &centre;
        }
        // Unbiased, or classes of few pictures would seem to vary less.
        let degrees = class.len().max(2) as f32 - 1.0;
        within.gemm(degrees.recip(), &wholes, &wholes.transpose(), 1.0);
        centre_of.copy_from(&centre);
    }
    let within = within.cast::<f64>() / classes.len() as f64;
    let shrinkage = COMPARED_SHRINKAGE * within.trace() / channels as f64;
    let whitening = whitening(within, shrinkage);
    let middle = centres.column_mean();
    for mut centre in centres.column_iter_mut() {
        centre -= &middle;
    }
    let centres = &whitening * centres.cast::<f64>();
    let between = SymmetricEigen::new(&centres * centres.transpose());
    let order = descending(&between);
    let kept = DMatrix::from_fn(channels, count, |row, column| {
        order
            .get(column)
            .map_or(0.0, |&at| between.eigenvectors[(row, at)])
    });
    // A matrix lies in memory column by column.
    let map = whitening * kept;
    map.iter().map(|&value| value as f32).collect()
}

/// The inverse square root of a covariance to which `shrinkage` is added in every direction.
fn whitening(covariance: DMatrix<f64>, shrinkage: f64) -> DMatrix<f64> {
    let channels = covariance.nrows();
    let of = SymmetricEigen::new(covariance + DMatrix::identity(channels, channels) * shrinkage);
    let scales = of
        .eigenvalues
        .map(|value| value.max(f64::EPSILON).sqrt().recip());
    &of.eigenvectors * DMatrix::from_diagonal(&scales) * of.eigenvectors.transpose()
}

/// Which eigenvalue is the largest, which the second, and so on.
fn descending(of: &SymmetricEigen<f64, nalgebra::Dyn>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..of.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| of.eigenvalues[b].total_cmp(&of.eigenvalues[a]));
    order
}

/// Mean and standard deviation of each channel.
pub(super) fn statistics(classes: &[&ClassFeatures], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let mut sums = vec![(0.0, 0.0); channels];
    let mut rows = 0;
    for class in classes {
        for token in class.values().chunks_exact(channels) {
            rows += 1;
            for (sum, value) in sums.iter_mut().zip(token) {
                let value = f64::from(value.to_f32());
                sum.0 += value;
                sum.1 += value * value;
            }
        }
    }
    let n = f64::from(rows.max(1));
    sums.into_iter()
        .map(|(sum, squares)| {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            (mean, variance.sqrt().max(SMALLEST_DEVIATION))
        })
        .unzip()
}

/// Covariance within classes and in all, of the standardised tokens. The parts of a picture count as pictures of their own: a quadrant
/// should lie near its class too.
fn scatters(
    classes: &[&ClassFeatures],
    parts: usize,
    channels: usize,
    mean: &[f64],
    deviation: &[f64],
) -> (DMatrix<f64>, DMatrix<f64>) {
    let mut within = DMatrix::<f32>::zeros(channels, channels);
    let mut between = DMatrix::<f32>::zeros(channels, channels);
    let mut all = 0.0;
    for class in classes {
        let rows = class.len() * parts;
        let values = class.values();
        // Tokens stand in columns: the memory of the features is then the matrix's own order.
        let mut tokens = DMatrix::from_fn(channels, rows, |channel, row| {
            let value = f64::from(values[row * channels + channel].to_f32());
            ((value - mean[channel]) / deviation[channel]) as f32
        });
        let centre = tokens.column_mean();
        for mut token in tokens.column_iter_mut() {
            token -= &centre;
        }
        within.gemm(1.0, &tokens, &tokens.transpose(), 1.0);
        between.ger(rows as f32, &centre, &centre, 1.0);
        all += rows as f64;
    }
    let within = within.cast::<f64>() / all;
    let total = &within + between.cast::<f64>() / all;
    (within, total)
}

/// A rotation, every one as likely as any other but for signs (QR of normal values).
fn rotation(width: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    let values = normal(rng, width * width, 1);
    DMatrix::from_iterator(width, width, values.into_iter().map(f64::from))
        .qr()
        .q()
}

#[cfg(test)]
mod tests {
    use half::f16;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Classes that differ in the first two channels alone, under louder noise in all eight.
    fn classes(rng: &mut ChaCha8Rng) -> Vec<ClassFeatures> {
        (0..12)
            .map(|class| {
                let angle = f64::from(class) * std::f64::consts::TAU / 12.0;
                let centre = [angle.cos() as f32, angle.sin() as f32];
                let noise = normal(rng, 40 * 8, 1);
                let values = noise.iter().enumerate().map(|(at, noise)| {
                    let channel = at % 8;
                    let loud = if channel < 2 { 0.2 } else { 2.0 };
                    f16::from_f32(centre.get(channel).unwrap_or(&0.0) + noise * loud)
                });
                ClassFeatures::new(
                    class.to_string(),
                    (0..40).map(|n| n.to_string()).collect(),
                    values.collect(),
                )
            })
            .collect()
    }

    #[test]
    fn directions_that_tell_classes_apart_come_first() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let classes = classes(&mut rng);
        let classes: Vec<&ClassFeatures> = classes.iter().collect();
        let geometry = Geometry::fit(&classes, 1, 8, 2, &mut rng);
        // Two directions are kept; what they take from the noisy channels is little beside what they take from the telling ones
        // (not nothing: forty pictures a class leave some of the noise between the classes).
        let weight = |channel: usize| -> f32 {
            geometry
                .weight
                .chunks(8)
                .map(|row| row[channel].powi(2))
                .sum()
        };
        let telling = (weight(0) + weight(1)) / 2.0;
        for noisy in 2..8 {
            assert!(
                weight(noisy) < 0.15 * telling,
                "{noisy}: {} {telling}",
                weight(noisy)
            );
        }
    }

    #[test]
    fn discriminants_leave_out_what_varies_within_classes() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let classes = classes(&mut rng);
        let classes: Vec<&ClassFeatures> = classes.iter().collect();
        let map = discriminants(&classes, 1, &[0.0; 8], &[1.0; 8], 2);
        assert_eq!(map.len(), 2 * 8);
        let weight =
            |channel: usize| -> f32 { map.chunks(8).map(|row| row[channel].powi(2)).sum() };
        let telling = (weight(0) + weight(1)) / 2.0;
        for noisy in 2..8 {
            assert!(weight(noisy) < 0.15 * telling, "{noisy}: {}", weight(noisy));
        }
        // Two telling channels have no third direction: the rest is there, and silent beside the classes.
        let along = |row: usize, class: usize| -> f32 {
            let values = classes[class].values().chunks(8);
            let dot = |x: &[f16]| -> f32 {
                x.iter()
                    .zip(&map[row * 8..])
                    .map(|(a, b)| a.to_f32() * b)
                    .sum()
            };
            values.map(dot).sum::<f32>() / 40.0
        };
        let apart = (along(0, 0) - along(0, 6)).hypot(along(1, 0) - along(1, 6));
        let beside = (along(0, 0) - along(0, 1)).hypot(along(1, 0) - along(1, 1));
        assert!(apart > 2.0 * beside, "{apart} {beside}");
    }

    #[test]
    fn a_rotation_keeps_lengths() {
        let rotation = rotation(16, &mut ChaCha8Rng::seed_from_u64(2));
        let identity = &rotation * rotation.transpose();
        assert!((identity - DMatrix::identity(16, 16)).abs().max() < 1e-9);
    }
}
