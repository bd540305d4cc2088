//! Other concepts out of the same classes: channels of the encoder that are silent, or change places, alike in all pictures of an episode,
//! and pictures before pictures.

use std::ops::Range;

use half::f16;
use rand::Rng;
use rand::seq::SliceRandom as _;

use crate::features::ClassFeatures;

/// Shares of the channels.
const SILENT: Range<f64> = 0.2..0.7;
const EXCHANGED: Range<f64> = 0.3..1.0;

/// How the channels of a source's pictures lie.
#[derive(Clone, Debug)]
pub struct Channels {
    /// For each channel of each visual token.
    spreads: Vec<Spread>,
    /// Visual tokens a picture.
    parts: usize,
}

/// Mean and standard deviation of a channel's values.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    mean: f32,
    deviation: f32,
}

impl Channels {
    /// Measures the pictures of classes, each class as much as any other.
    pub fn new(classes: &[ClassFeatures], parts: usize) -> Self {
        let width = classes
            .first()
            .map_or(0, |class| class.values().len() / class.len().max(1));
        let mut spreads = vec![Spread::default(); width];
        let each = |of: &mut dyn FnMut(usize, f32, f32)| {
            for class in classes {
                let share = 1.0 / (class.len() * classes.len()) as f32;
                for picture in class.values().chunks_exact(width.max(1)) {
                    for (at, value) in picture.iter().enumerate() {
                        of(at, value.to_f32(), share);
                    }
                }
            }
        };
        each(&mut |at, value, share| spreads[at].mean += value * share);
        let mut variances = vec![0.0; width];
        each(&mut |at, value, share| variances[at] += (value - spreads[at].mean).powi(2) * share);
        for (spread, variance) in spreads.iter_mut().zip(variances) {
            spread.deviation = variance.sqrt();
        }
        Self { spreads, parts }
    }

    /// Some channels say nothing, each with its mean in every picture: what tells two concepts apart is then elsewhere (dropout, Srivastava
    /// et al. 2014, with one mask for all pictures).
    pub fn silence<'a>(
        &self,
        rng: &mut impl Rng,
        pictures: impl IntoIterator<Item = &'a mut [f16]>,
    ) {
        let silent = self.some(rng, SILENT);
        for picture in pictures {
            for at in silent.iter().flat_map(|&channel| self.places(channel)) {
                picture[at] = f16::from_f32(self.spreads[at].mean);
            }
        }
    }

    /// Some channels change places, each with the mean and the spread of the one whose place it takes: pictures are as alike as they were, in
    /// directions that no class has (random projections of the input, Kirsch et al. 2022, "General-purpose in-context learning by
    /// meta-learning transformers").
    pub fn exchange<'a>(
        &self,
        rng: &mut impl Rng,
        pictures: impl IntoIterator<Item = &'a mut [f16]>,
    ) {
        let places = self.some(rng, EXCHANGED);
        let mut from = places.clone();
        from.shuffle(rng);
        let moves: Vec<(usize, usize)> = places
            .iter()
            .zip(&from)
            .flat_map(|(&to, &from)| self.places(to).zip(self.places(from)))
            .collect();
        for picture in pictures {
            let before = picture.to_vec();
            for &(to, from) in &moves {
                let (here, there) = (self.spreads[to], self.spreads[from]);
                // A channel that never moves says nothing wherever it stands.
                let standing = if there.deviation > 0.0 {
                    (before[from].to_f32() - there.mean) / there.deviation
                } else {
                    0.0
                };
                picture[to] = f16::from_f32(here.mean + here.deviation * standing);
            }
        }
    }

    /// A picture with another before it: of each channel's deviation from its mean the first gives `share` of the variance and the second
    /// the rest, so that what comes out is spread as pictures are.
    pub fn mix(&self, picture: &[f16], other: &[f16], share: f32) -> Vec<f16> {
        let (own, others) = (share.sqrt(), (1.0 - share).sqrt());
        let pairs = picture.iter().zip(other).zip(&self.spreads);
        pairs
            .map(|((picture, other), Spread { mean, .. })| {
                let deviation = own * (picture.to_f32() - mean) + others * (other.to_f32() - mean);
                f16::from_f32(mean + deviation)
            })
            .collect()
    }

    /// A share of the channels, drawn from a range.
    fn some(&self, rng: &mut impl Rng, share: Range<f64>) -> Vec<usize> {
        let share = rng.random_range(share);
        let channels = 0..self.spreads.len() / self.parts;
        channels.filter(|_| rng.random_bool(share)).collect()
    }

    /// Where a picture's visual tokens have a channel.
    fn places(&self, channel: usize) -> impl Iterator<Item = usize> + use<> {
        (channel..self.spreads.len()).step_by(self.spreads.len() / self.parts)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const WIDTH: usize = 4000;

    /// Covariance of two pictures' deviations, in units of the channels' own variance.
    fn alike(channels: &Channels, a: &[f16], b: &[f16]) -> f32 {
        let standing =
            |value: &f16, spread: &Spread| (value.to_f32() - spread.mean) / spread.deviation;
        let pairs = a.iter().zip(b).zip(&channels.spreads);
        let products = pairs.map(|((a, b), spread)| standing(a, spread) * standing(b, spread));
        products.sum::<f32>() / WIDTH as f32
    }

    #[test]
    fn mixed_pictures_are_as_alike_as_they_share_and_as_spread_as_pictures() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let classes: Vec<ClassFeatures> = (0..10)
            .map(|class| {
                let files = (0..4).map(|picture| picture.to_string()).collect();
                let values = (0..4 * WIDTH).map(|_| f16::from_f32(rng.random_range(1.0..3.0)));
                ClassFeatures::new(class.to_string(), files, values.collect())
            })
            .collect();
        let channels = Channels::new(&classes, 5);
        let own = classes[0].picture(0);
        for share in [0.2, 0.6] {
            let mixed = [1, 2].map(|class| channels.mix(own, classes[class].picture(0), share));
            assert!((alike(&channels, &mixed[0], &mixed[0]) - 1.0).abs() < 0.1);
            assert!((alike(&channels, &mixed[0], &mixed[1]) - share).abs() < 0.1);
        }
    }
}
