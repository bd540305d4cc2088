//! Other concepts out of the same classes: channels of the encoder that are silent, or change places, alike in all pictures of an episode.

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
