//! Link-context episodes for training: concepts of one source, names that say nothing, queries outside the support set.

use half::f16;
use rand::Rng;
use rand::seq::{SliceRandom as _, index};

use super::names;
use crate::features::ClassFeatures;
use crate::text::template::{Position, Template, name_tokens};
use crate::text::tokenizer::Tokenizer;

/// The size of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Concepts.
    pub ways: usize,
    /// Pictures a concept.
    pub shots: usize,
    /// Query pictures after the support set.
    pub queries: usize,
}

impl Shape {
    /// Draws a size for training: two to five concepts, one to four pictures each, at most twelve in all, and three queries.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let ways = [2, 2, 2, 3, 3, 4, 5][rng.random_range(0..7)];
        let shots = rng.random_range(1..=4usize.min(12 / ways));
        Self {
            ways,
            shots,
            queries: 3,
        }
    }
}

/// One episode, ready for the model.
#[derive(Clone, Debug)]
pub struct TrainingEpisode {
    /// Each picture's features, in the order in which `positions` names them.
    pub pictures: Vec<Vec<f16>>,
    /// The whole sequence, queries answered.
    pub positions: Vec<Position>,
    /// Positions whose hidden state must give `targets`: every name (and its stop) that the support set makes predictable.
    pub supervised: Vec<usize>,
    /// The tokens to give there.
    pub targets: Vec<u32>,
    /// For each query, which of `supervised` are its name and stop.
    pub queries: Vec<std::ops::Range<usize>>,
}

/// Draws an episode from one source's classes.
pub fn draw(
    rng: &mut impl Rng,
    classes: &[&ClassFeatures],
    shape: Shape,
    tokenizer: &Tokenizer,
    template: &Template,
    parts: usize,
) -> TrainingEpisode {
    let ways = shape.ways.min(classes.len());
    let chosen = index::sample(rng, classes.len(), ways);
    let names: Vec<Vec<u32>> = names::draw_distinct(rng, tokenizer, ways)
        .iter()
        .map(|name| name_tokens(tokenizer, name))
        .collect();
    let mut support = Vec::new();
    let mut reserve = Vec::new();
    for (concept, class) in chosen.iter().enumerate() {
        let class = classes[class];
        let wanted = (shape.shots + shape.queries).min(class.len());
        let mut pictures = index::sample(rng, class.len(), wanted).into_iter();
        support.extend(
            pictures
                .by_ref()
                .take(shape.shots.min(class.len() - 1))
                .map(|p| (concept, class, p)),
        );
        reserve.extend(pictures.map(|p| (concept, class, p)));
    }
    support.shuffle(rng);
    reserve.shuffle(rng);
    let mut episode = TrainingEpisode {
        pictures: Vec::new(),
        positions: template.begin(),
        supervised: Vec::new(),
        targets: Vec::new(),
        queries: Vec::new(),
    };
    let mut seen = vec![false; ways];
    let support_len = support.len();
    let order = support
        .into_iter()
        .chain(reserve.into_iter().take(shape.queries));
    for (place, (concept, class, picture)) in order.enumerate() {
        let mut features = class.picture(picture).to_vec();
        if rng.random_bool(0.5) {
            mirror(&mut features, parts);
        }
        let name = template.push_example(
            &mut episode.positions,
            episode.pictures.len(),
            &names[concept],
        );
        episode.pictures.push(features);
        // A name shown for the first time cannot be predicted.
        if seen[concept] {
            let start = episode.supervised.len();
            for position in name {
                if let Position::Token(token) = episode.positions[position] {
                    episode.supervised.push(position - 1);
                    episode.targets.push(token);
                }
            }
            if place >= support_len {
                episode.queries.push(start..episode.supervised.len());
            }
        }
        seen[concept] = true;
    }
    episode
}

/// The features of the mirrored picture, nearly: the left quadrants and the right ones change places.
fn mirror(features: &mut [f16], parts: usize) {
    let width = features.len() / parts;
    if parts == 5 {
        for (left, right) in [(1, 2), (3, 4)] {
            for channel in 0..width {
                features.swap(left * width + channel, right * width + channel);
            }
        }
    }
}
