//! Link-context episodes for training: concepts of one source, names, queries outside the support set.

use std::ops::Range;

use half::f16;
use rand::Rng;
use rand::seq::{SliceRandom as _, index};

use super::channels::Channels;
use super::ingredients::Ingredients;
use super::names::{self, Family};
use super::strategy::{Company, Naming, Rules, Shape};
use crate::features::ClassFeatures;
use crate::model::connector::MARKS;
use crate::text::template::{Position, Template, name_tokens};
use crate::text::tokenizer::Tokenizer;

/// Neighbours among which a hard negative is drawn.
const NEIGHBOURS: usize = 12;
/// Tokens of plain text that are read together.
const STRETCH: usize = 128;
/// Share of the episodes whose concepts are blends of two classes each, where blends are drawn.
const BLEND_SHARE: f64 = 0.35;
/// Weight of the first class in a blend.
const BLEND_WEIGHT: Range<f32> = 0.3..0.7;
/// Share of the episodes whose concepts are single pictures among others, where those are drawn.
const CLUTTER_SHARE: f64 = 0.35;
/// Share of the episodes of faint pictures in which nothing of them is seen but how they compare.
const FAINTEST_SHARE: f64 = 0.25;
/// Share of the episodes whose support pictures are blank, where that is wanted.
const BLANK_SHARE: f64 = 0.08;
/// How much of a cluttered picture's variance is the concept's own, which is also how alike two pictures of it are.
const CLUTTER_OWN: Range<f32> = 0.2..0.6;

/// Share of the episodes in which some channels are silent or change places, where that is wanted.
const DISTORTED_SHARE: f64 = 0.5;

/// The classes of a source, what they are called, and which of them look alike.
#[derive(Clone, Debug)]
pub struct Pool {
    classes: Vec<ClassFeatures>,
    names: Vec<String>,
    /// For each class the others, the most alike first.
    neighbours: Vec<Vec<usize>>,
    /// What can be done to the encoder's channels.
    channels: Channels,
}

impl Pool {
    /// A pool of classes with their real names; `parts` visual tokens a picture, of which the first is the mean over the whole.
    pub fn new(classes: Vec<ClassFeatures>, names: Vec<String>, parts: usize) -> Self {
        let prototypes: Vec<Vec<f32>> = classes
            .iter()
            .map(|class| prototype(class, parts))
            .collect();
        let neighbours = (0..classes.len())
            .map(|of| {
                let alike = |other: usize| -> f32 {
                    let pairs = prototypes[of].iter().zip(&prototypes[other]);
                    pairs.map(|(a, b)| a * b).sum()
                };
                let mut others: Vec<(f32, usize)> = (0..classes.len())
                    .filter(|&other| other != of)
                    .map(|other| (alike(other), other))
                    .collect();
                others.sort_by(|a, b| b.0.total_cmp(&a.0));
                others.into_iter().map(|(_, other)| other).collect()
            })
            .collect();
        let channels = Channels::new(&classes, parts);
        Self {
            classes,
            names,
            neighbours,
            channels,
        }
    }

    /// The classes.
    pub fn classes(&self) -> &[ClassFeatures] {
        &self.classes
    }

    /// Draws `ways` classes that differ.
    fn choose(&self, rng: &mut impl Rng, ways: usize, company: Company) -> Vec<usize> {
        let ways = ways.min(self.classes.len());
        let any = |rng: &mut _| index::sample(rng, self.classes.len(), ways).into_vec();
        match company {
            Company::Random => any(rng),
            Company::HalfNear if rng.random_bool(0.5) => any(rng),
            Company::HalfNear => {
                let first = rng.random_range(0..self.classes.len());
                let near = &self.neighbours[first];
                let near = &near[..near.len().min(NEIGHBOURS.max(ways))];
                let others = index::sample(rng, near.len(), ways - 1);
                let mut chosen: Vec<usize> = others.into_iter().map(|at| near[at]).collect();
                chosen.push(first);
                chosen.shuffle(rng);
                chosen
            }
            Company::Near => {
                let first = rng.random_range(0..self.classes.len());
                let near = &self.neighbours[first];
                // The smaller of two even draws falls off in a straight line.
                let mut draw = || rng.random_range(0..near.len());
                vec![first, near[draw().min(draw())]]
            }
        }
    }
}

/// What an episode calls by one name: a class of the pool, a blend of two, or what a single picture shows. There are some hundred classes
/// but ten thousands of blends, so that a model which sees them has to compare pictures and cannot know every class by heart (mixup, Zhang
/// et al. 2018, over classes). Blends lie between the classes, though; single pictures lie in every direction that pictures have.
enum Concept<'a> {
    Class(&'a ClassFeatures),
    Blend([&'a ClassFeatures; 2], f32),
    Clutter(Clutter<'a>),
}

/// One picture of a class, each time with another picture of the pool before it.
struct Clutter<'a> {
    pool: &'a Pool,
    /// The class and the picture of it.
    own: (usize, usize),
    /// How much of the variance is the picture's own.
    share: f32,
}

impl Concept<'_> {
    /// Number of pictures.
    fn len(&self) -> usize {
        match self {
            Self::Class(class) => class.len(),
            Self::Blend([first, second], _) => first.len().min(second.len()),
            Self::Clutter(Clutter { pool, .. }) => {
                pool.classes.iter().map(ClassFeatures::len).sum::<usize>() - 1
            }
        }
    }

    /// Features of up to `wanted` pictures. A blend's are each of one picture of both classes.
    fn pictures(&self, rng: &mut impl Rng, wanted: usize) -> Vec<Vec<f16>> {
        let draw = |rng: &mut _, class: &ClassFeatures| {
            index::sample(rng, class.len(), wanted.min(class.len())).into_vec()
        };
        match self {
            Self::Class(class) => {
                let chosen = draw(rng, class).into_iter();
                chosen.map(|at| class.picture(at).to_vec()).collect()
            }
            Self::Blend([first, second], weight) => {
                let pairs = draw(rng, first).into_iter().zip(draw(rng, second));
                let blend = |(a, b): (&f16, &f16)| {
                    f16::from_f32(weight * a.to_f32() + (1.0 - weight) * b.to_f32())
                };
                pairs
                    .map(|(a, b)| {
                        first
                            .picture(a)
                            .iter()
                            .zip(second.picture(b))
                            .map(blend)
                            .collect()
                    })
                    .collect()
            }
            Self::Clutter(clutter) => clutter.pictures(rng, wanted.min(self.len())),
        }
    }
}

impl Clutter<'_> {
    fn pictures(&self, rng: &mut impl Rng, wanted: usize) -> Vec<Vec<f16>> {
        let classes = &self.pool.classes;
        let (class, picture) = self.own;
        let own = classes[class].picture(picture);
        let mut seen = vec![self.own];
        while seen.len() <= wanted {
            let class = rng.random_range(0..classes.len());
            let other = (class, rng.random_range(0..classes[class].len()));
            if !seen.contains(&other) {
                seen.push(other);
            }
        }
        let others = seen.into_iter().skip(1);
        others
            .map(|(class, picture)| {
                let other = classes[class].picture(picture);
                self.pool.channels.mix(own, other, self.share)
            })
            .collect()
    }
}

/// The mean of a class's pictures, of length one.
fn prototype(class: &ClassFeatures, parts: usize) -> Vec<f32> {
    let mut sum = vec![0.0; class.values().len() / class.len().max(1) / parts];
    for picture in 0..class.len() {
        for (sum, value) in sum.iter_mut().zip(class.picture(picture)) {
            *sum += value.to_f32();
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    sum.iter_mut()
        .for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
    sum
}

/// How much of what its pictures look like an episode shows beside their marks: nothing in a quarter of the episodes, anything up to all in
/// the others.
fn content(rng: &mut impl Rng) -> f64 {
    if rng.random_bool(FAINTEST_SHARE) {
        0.0
    } else {
        rng.random()
    }
}

/// One episode, ready for the model.
#[derive(Clone, Debug)]
pub struct TrainingEpisode {
    /// Each picture's features, in the order in which `positions` names them.
    pub pictures: Vec<Vec<f16>>,
    /// The mark of the first picture.
    pub first_mark: usize,
    /// How much of what its pictures look like is in their tokens; nothing, where it is the configuration that says.
    pub content: Option<f64>,
    /// The whole sequence, queries answered.
    pub positions: Vec<Position>,
    /// Positions whose hidden state must give `targets`: the names (and their stops) that are learned from.
    pub supervised: Vec<usize>,
    /// The tokens to give there.
    pub targets: Vec<u32>,
    /// For each query, which of `supervised` are its name and stop.
    pub queries: Vec<Range<usize>>,
    /// The names that the support set tells, and where it does.
    pub told: Vec<Told>,
}

/// A name that is learned from and stood in the sequence before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Position from which the name's first token is predicted.
    pub row: usize,
    /// Positions of the same name before it, with its stops.
    pub same: Vec<usize>,
    /// Positions of the other concepts' names before it, with their stops.
    pub others: Vec<usize>,
}

/// What writes an episode.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// Names to tokens.
    pub tokenizer: &'a Tokenizer,
    /// The words between pictures and names.
    pub template: &'a Template,
    /// Visual tokens a picture.
    pub parts: usize,
    /// Features of the blank picture.
    pub blank: &'a [f16],
}

impl Writer<'_> {
    /// Draws an episode from one source's classes. A query is never a picture of the support set.
    pub fn draw(
        &self,
        rng: &mut impl Rng,
        pool: &Pool,
        shape: Shape,
        rules: Rules,
    ) -> TrainingEpisode {
        let (names, concepts) = self.concepts(rng, pool, shape.ways, rules);
        let mut support = Vec::new();
        let mut reserve = Vec::new();
        for (concept, drawn) in concepts.iter().enumerate() {
            let pictures = drawn.pictures(rng, shape.shots + shape.queries);
            let shots = shape.shots.min(drawn.len() - 1);
            let mut pictures = pictures.into_iter().map(|picture| (concept, picture));
            support.extend(pictures.by_ref().take(shots));
            reserve.extend(pictures);
        }
        let has = |ingredient| rules.ingredients.contains(ingredient);
        let distorted = Ingredients::SILENCE | Ingredients::EXCHANGE;
        if rules.ingredients.intersects(distorted) && rng.random_bool(DISTORTED_SHARE) {
            let shots = support.len();
            support.append(&mut reserve);
            let pictures = support.iter_mut().map(|(_, picture)| &mut picture[..]);
            if has(Ingredients::EXCHANGE) && (!has(Ingredients::SILENCE) || rng.random_bool(0.5)) {
                pool.channels.exchange(rng, pictures);
            } else {
                pool.channels.silence(rng, pictures);
            }
            reserve = support.split_off(shots);
        }
        let blank = has(Ingredients::BLANK) && rng.random_bool(BLANK_SHARE);
        if blank {
            for (_, picture) in &mut support {
                *picture = self.blank.to_vec();
            }
        }
        support.shuffle(rng);
        reserve.shuffle(rng);
        let mut episode = TrainingEpisode {
            pictures: Vec::new(),
            first_mark: rng.random_range(0..MARKS),
            content: has(Ingredients::FAINT).then(|| content(rng)),
            positions: self.template.begin(),
            supervised: Vec::new(),
            targets: Vec::new(),
            queries: Vec::new(),
            told: Vec::new(),
        };
        let mut shown: Vec<(usize, Range<usize>)> = Vec::new();
        // A real name can be known before it was shown, if there is something to see.
        let seen = episode.content != Some(0.0);
        let mut predictable: Vec<bool> = names.iter().map(|name| name.real && seen).collect();
        let support_len = support.len();
        let order = support
            .into_iter()
            .chain(reserve.into_iter().take(shape.queries));
        for (place, (concept, mut features)) in order.enumerate() {
            if rng.random_bool(0.5) {
                mirror(&mut features, self.parts);
            }
            let name = self.template.push_example(
                &mut episode.positions,
                episode.pictures.len(),
                &names[concept].tokens,
            );
            episode.pictures.push(features);
            let query = place >= support_len;
            // Which blank picture bears which name nothing tells.
            if predictable[concept] && (query || has(Ingredients::EVERY_NAME) && !blank) {
                let start = episode.supervised.len();
                let before = |wanted: bool| {
                    let names = shown.iter().filter(|(of, _)| (*of == concept) == wanted);
                    names.flat_map(|(_, name)| name.clone()).collect()
                };
                let told = Told {
                    row: name.start - 1,
                    same: before(true),
                    others: before(false),
                };
                // Where one of the two is missing there is nothing to choose, and nowhere to look where all pictures are blank.
                if !blank && !told.same.is_empty() && !told.others.is_empty() {
                    episode.told.push(told);
                }
                for position in name.clone() {
                    if let Position::Token(token) = episode.positions[position] {
                        episode.supervised.push(position - 1);
                        episode.targets.push(token);
                    }
                }
                if query {
                    episode.queries.push(start..episode.supervised.len());
                }
            }
            predictable[concept] = true;
            shown.push((concept, name));
        }
        episode
    }

    /// Draws `ways` concepts and a name for each.
    fn concepts<'p>(
        &self,
        rng: &mut impl Rng,
        pool: &'p Pool,
        ways: usize,
        rules: Rules,
    ) -> (Vec<Name>, Vec<Concept<'p>>) {
        // What a blend or a single picture is really called nobody knows.
        let invented = Rules {
            naming: Naming::Invented { real: 0.0 },
            ..rules
        };
        let kind = rng.random::<f64>();
        if rules.ingredients.contains(Ingredients::BLENDS)
            && kind < BLEND_SHARE
            && pool.classes.len() >= 2 * ways
        {
            let chosen = pool.choose(rng, 2 * ways, rules.company);
            let names = self.names(rng, pool, &chosen[..ways], invented);
            let blends = chosen.chunks_exact(2).map(|pair| {
                let classes = [&pool.classes[pair[0]], &pool.classes[pair[1]]];
                Concept::Blend(classes, rng.random_range(BLEND_WEIGHT))
            });
            return (names, blends.collect());
        }
        let chosen = pool.choose(rng, ways, rules.company);
        if rules.ingredients.contains(Ingredients::CLUTTER) && kind > 1.0 - CLUTTER_SHARE {
            let names = self.names(rng, pool, &chosen, invented);
            // One share for all: what is seen more of would be easier to find.
            let share = rng.random_range(CLUTTER_OWN);
            let single = |class: usize| {
                let own = (class, rng.random_range(0..pool.classes[class].len()));
                Concept::Clutter(Clutter { pool, own, share })
            };
            return (names, chosen.into_iter().map(single).collect());
        }
        let names = self.names(rng, pool, &chosen, rules);
        let class = |class: usize| Concept::Class(&pool.classes[class]);
        (names, chosen.into_iter().map(class).collect())
    }

    /// A stretch of plain text, every token of it learned from but the first.
    pub fn text(rng: &mut impl Rng, tokens: &[u32]) -> TrainingEpisode {
        let length = STRETCH.min(tokens.len());
        let start = rng.random_range(0..=tokens.len() - length);
        let stretch = &tokens[start..start + length];
        TrainingEpisode {
            pictures: Vec::new(),
            first_mark: 0,
            content: None,
            positions: stretch.iter().copied().map(Position::Token).collect(),
            supervised: (0..length.saturating_sub(1)).collect(),
            targets: stretch.iter().copied().skip(1).collect(),
            queries: Vec::new(),
            told: Vec::new(),
        }
    }

    /// A name for each of the chosen classes; all differ.
    fn names(&self, rng: &mut impl Rng, pool: &Pool, chosen: &[usize], rules: Rules) -> Vec<Name> {
        let share = match rules.naming {
            // Some episodes are all of real names, some have a few among invented ones.
            Naming::Invented { real } if rng.random_bool(real) => {
                [0.5, 1.0][rng.random_range(0..2)]
            }
            Naming::Invented { .. } => 0.0,
            Naming::First | Naming::Real => 1.0,
        };
        let family = Family::choose(rng, rules.ingredients.contains(Ingredients::WIDE_NAMES));
        let mut texts: Vec<String> = Vec::with_capacity(chosen.len());
        let mut names = Vec::with_capacity(chosen.len());
        for (concept, &class) in chosen.iter().enumerate() {
            let invent = rules.naming == Naming::First && concept == 0;
            let known = &pool.names[class];
            let real = !invent && rng.random_bool(share) && !texts.contains(known);
            let text = if real {
                known.clone()
            } else if invent {
                names::letters(rng, 10)
            } else {
                family.draw(rng, self.tokenizer, &texts)
            };
            names.push(Name {
                tokens: name_tokens(self.tokenizer, &text),
                real,
            });
            texts.push(text);
        }
        names
    }
}

/// A concept's name in an episode.
struct Name {
    tokens: Vec<u32>,
    real: bool,
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
