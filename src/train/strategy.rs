//! The training strategies by name: those of the paper (Tai et al. 2023, section 3.2.2) and ours.
//!
//! A strategy says which episodes are drawn and which of their names are learned from. The paper's give one concept of two an invented
//! name and the other its real one, and learn from the answer alone; "looks like the other's real name, or else it is the invented one"
//! solves them without a look at the support set. Ours invents both, so that nothing but the support set can tell, and learns from every
//! name that the pictures before it make predictable.

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use super::ingredients::Ingredients;

/// A way to make training episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// `2-way` (paper, 3.2.2, \[2-way\]): two concepts of eight pictures each, a neighbour as the negative.
    TwoWay,
    /// `2-way-random` (\[2-way-random\]): the same with 2 to 16 pictures in all, every number as likely as any other. In the paper it goes
    /// on from \[2-way\]: give that run's adapter as the start.
    TwoWayRandom,
    /// `2-way-weight` (\[2-way-weight\]): the same with a number of pictures j as likely as e^j.
    TwoWayWeight,
    /// `mix` (\[mix\]): \[2-way-random\] by turns with the tasks that the model had before, here pictures to be called by their real names.
    Mix,
    /// `link`, ours: 2 to 5 concepts of 1 to 8 pictures, 24 in all at most, names invented (now and then real, all of one script or alike in
    /// how they begin), hard negatives, blends of classes, single pictures in clutter, channels that are silent or change places, pictures of
    /// which little is seen, every predictable name learned; after a while blank support pictures, naming without a support set and plain text
    /// between them.
    Link,
}

impl Strategy {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::TwoWay, "2-way"),
        (Self::TwoWayRandom, "2-way-random"),
        (Self::TwoWayWeight, "2-way-weight"),
        (Self::Mix, "mix"),
        (Self::Link, "link"),
    ];
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(known, _)| known == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|(_, name)| *name == text);
        known.map(|(strategy, _)| strategy).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
            format!("'{text}' is no strategy; there are {}", names.join(", "))
        })
    }
}

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

/// Whose names are invented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Naming {
    /// Every concept's; of these, a share of episodes takes some or all names from what the things are really called.
    Invented {
        /// That share.
        real: f64,
    },
    /// The first concept's alone, 1 to 10 random letters; the other keeps its real name (the published training policy).
    First,
    /// Nobody's: every picture is called what it is.
    Real,
}

/// Which classes stand beside each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Company {
    /// Any.
    Random,
    /// In half of the episodes the others are among the nearest of the first.
    HalfNear,
    /// The other is a neighbour of the first, the nearest the likeliest, falling off in a straight line (paper, 3.2.1).
    Near,
}

/// How an episode of some size is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Whose names are invented.
    pub naming: Naming,
    /// Which classes stand beside each other.
    pub company: Company,
    /// What its pictures and names are made of. Hard negatives stand in `company`, real names in `naming`; what is beside the link is none of
    /// an episode's.
    pub ingredients: Ingredients,
}

impl Rules {
    /// The rules of the held-out measurement: any classes, invented names of all kinds.
    pub const HELD_OUT: Self = Self {
        naming: Naming::Invented { real: 0.0 },
        company: Company::Random,
        ingredients: Ingredients::WIDE_NAMES,
    };
}

/// What a batch is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draw {
    /// Episodes of one size, all by the same rules.
    Episodes(Shape, Rules),
    /// Stretches of plain text.
    Text,
}

impl Draw {
    /// How many sequences a batch of so many episodes has: of pictures alone more, as they are short.
    pub fn sequences(self, episodes: usize) -> usize {
        match self {
            Self::Episodes(Shape { ways: 1, .. }, _) => episodes * LONE_PICTURES,
            _ => episodes,
        }
    }

    /// Whether it is of episodes whose support set must be read.
    pub fn is_linked(self) -> bool {
        matches!(self, Self::Episodes(_, rules) if rules.naming != Naming::Real)
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Episodes(_, rules) if rules.naming == Naming::Real => f.write_str("naming"),
            Self::Episodes(Shape { ways, shots, .. }, _) => write!(f, "{ways}-way/{shots}-shot"),
            Self::Text => f.write_str("text"),
        }
    }
}

/// What `link` learns beside the link, once it has learned that alone for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// Share of the batches that are pictures to be called by their real names.
    pub naming: f64,
    /// Share of the batches that are plain text.
    pub text: f64,
}

impl Default for Beside {
    fn default() -> Self {
        Self {
            naming: 0.2,
            text: 0.2,
        }
    }
}

/// Share of the steps in which `link` draws classes as they are. Harder ones from the first tenth on were tried: after 200 steps held-out
/// photographs were named no better than after 100.
const PLAIN_CLASSES: f64 = 0.5;
/// What makes classes other than they are, or hard to tell apart.
const HARDER: Ingredients = Ingredients::HARD_NEGATIVES
    .union(Ingredients::BLENDS)
    .union(Ingredients::CLUTTER)
    .union(Ingredients::SILENCE)
    .union(Ingredients::EXCHANGE);
/// Share of the steps in which `link` learns the link alone: beside easier things to learn, it comes later.
const LINK_ALONE: f64 = 0.2;
/// Pictures alone that stand for one episode in a batch.
const LONE_PICTURES: usize = 4;

impl Strategy {
    /// What the next batch is made of, after `progress` of all steps (0 to 1).
    pub fn draw(
        self,
        ingredients: Ingredients,
        beside: Beside,
        progress: f64,
        rng: &mut impl Rng,
    ) -> Draw {
        let paper = Rules {
            naming: Naming::First,
            company: Company::Near,
            ingredients: Ingredients::empty(),
        };
        let two_way = |shots| Shape {
            ways: 2,
            shots,
            queries: 1,
        };
        // A picture alone, called what it is. Several in one sequence would look just like a support set of one picture a concept, and teach
        // to answer in words of one's own after it.
        let naming = Draw::Episodes(
            Shape {
                ways: 1,
                shots: 1,
                queries: 0,
            },
            Rules {
                naming: Naming::Real,
                company: Company::Random,
                ingredients: Ingredients::EVERY_NAME,
            },
        );
        match self {
            Self::TwoWay => Draw::Episodes(two_way(8), paper),
            Self::TwoWayRandom => Draw::Episodes(two_way(rng.random_range(1..=8)), paper),
            Self::TwoWayWeight => Draw::Episodes(two_way(exponential(rng)), paper),
            Self::Mix if rng.random_bool(0.5) => naming,
            Self::Mix => Draw::Episodes(two_way(rng.random_range(1..=8)), paper),
            Self::Link => {
                let alone = progress < LINK_ALONE;
                let other = rng.random::<f64>();
                let has = |ingredient| ingredients.contains(ingredient);
                if !alone && has(Ingredients::NAMING) && other < beside.naming {
                    naming
                } else if !alone && has(Ingredients::PLAIN_TEXT) && other > 1.0 - beside.text {
                    Draw::Text
                } else {
                    let mut ingredients = ingredients;
                    if alone {
                        ingredients -= Ingredients::REAL_NAMES | Ingredients::BLANK;
                    }
                    if progress < PLAIN_CLASSES {
                        ingredients -= HARDER;
                    }
                    Draw::Episodes(link_shape(ingredients, rng), link_rules(ingredients))
                }
            }
        }
    }
}

/// Pictures a concept for \[2-way-weight\]: half of j in 2, 4, … 16, as likely as e^j.
fn exponential(rng: &mut impl Rng) -> usize {
    let weight = |shots: usize| (2.0 * shots as f64).exp();
    let total: f64 = (1..=8).map(weight).sum();
    let mut left = rng.random::<f64>() * total;
    (1..8)
        .find(|&shots| {
            left -= weight(shots);
            left < 0.0
        })
        .unwrap_or(8)
}

/// Pictures of the support set, at most: enough for five concepts with four pictures each.
const MOST_PICTURES: usize = 24;

fn link_shape(ingredients: Ingredients, rng: &mut impl Rng) -> Shape {
    let queries = 3;
    if !ingredients.contains(Ingredients::MANY_SHAPES) {
        let shots = rng.random_range(1..=2);
        return Shape {
            ways: 2,
            shots,
            queries,
        };
    }
    let ways = [2, 2, 2, 3, 3, 4, 5, 5][rng.random_range(0..8)];
    // Few pictures more often than many: they cost less and are harder.
    let shots = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 6, 8][rng.random_range(0..12)];
    Shape {
        ways,
        shots: usize::min(shots, MOST_PICTURES / ways),
        queries,
    }
}

fn link_rules(ingredients: Ingredients) -> Rules {
    let real = if ingredients.contains(Ingredients::REAL_NAMES) {
        0.25
    } else {
        0.0
    };
    let company = if ingredients.contains(Ingredients::HARD_NEGATIVES) {
        Company::HalfNear
    } else {
        Company::Random
    };
    Rules {
        naming: Naming::Invented { real },
        company,
        ingredients,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_strategy_reads_its_name() {
        for (strategy, name) in Strategy::ALL {
            assert_eq!(name.parse(), Ok(strategy));
            assert_eq!(strategy.to_string(), name);
        }
        let error = "3-way".parse::<Strategy>().unwrap_err();
        assert!(error.contains("2-way-weight"), "{error}");
    }

    /// The share of each number of pictures in all against e^j (paper, 3.2.2).
    #[test]
    fn the_weighted_strategy_prefers_many_pictures() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 9];
        for _ in 0..20_000 {
            counts[exponential(&mut rng)] += 1;
        }
        assert_eq!(counts[0], 0);
        let ratio = f64::from(counts[8]) / f64::from(counts[7]);
        assert!((ratio / 2_f64.exp() - 1.0).abs() < 0.1, "{counts:?}");
    }

    #[test]
    fn sizes_stay_within_what_a_strategy_shows() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (strategy, name) in Strategy::ALL {
            let most = match strategy {
                Strategy::Link => MOST_PICTURES,
                _ => 16,
            };
            let mut largest = 0;
            for _ in 0..500 {
                let draw = strategy.draw(Ingredients::all(), Beside::default(), 0.5, &mut rng);
                if let Draw::Episodes(shape, _) = draw {
                    let pictures = shape.ways * shape.shots;
                    assert!((1..=most).contains(&pictures), "{name}: {shape:?}");
                    largest = largest.max(pictures);
                    // A support set has something to choose from.
                    assert_eq!(pictures == 1, !draw.is_linked(), "{name}: {shape:?}");
                }
            }
            assert_eq!(largest, most, "{name}");
        }
    }

    #[test]
    fn the_link_is_learned_alone_first() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut draws = |ingredients, progress| -> Vec<Draw> {
            let beside = Beside::default();
            let draw = |_| Strategy::Link.draw(ingredients, beside, progress, &mut rng);
            (0..500).map(draw).collect()
        };
        let invented = |draw: &Draw| match draw {
            Draw::Episodes(_, rules) => rules.naming == Naming::Invented { real: 0.0 },
            Draw::Text => false,
        };
        assert!(draws(Ingredients::all(), 0.1).iter().all(invented));
        let later = draws(Ingredients::all(), 0.5);
        let of = |wanted: fn(&Draw) -> bool| later.iter().filter(|draw| wanted(draw)).count();
        assert!(of(|draw| *draw == Draw::Text) > 10);
        let named =
            |draw: &Draw| matches!(draw, Draw::Episodes(_, rules) if rules.naming == Naming::Real);
        assert!((50..150).contains(&of(named)));
        let much = Beside {
            naming: 0.6,
            text: 0.1,
        };
        let draw = |_| Strategy::Link.draw(Ingredients::all(), much, 0.5, &mut rng);
        let often: Vec<Draw> = (0..500).map(draw).collect();
        let of = |wanted: fn(&Draw) -> bool| often.iter().filter(|draw| wanted(draw)).count();
        assert!((250..350).contains(&of(named)));
        assert!((25..75).contains(&of(|draw| *draw == Draw::Text)));
        let mut draws = |ingredients, progress| -> Vec<Draw> {
            let beside = Beside::default();
            let draw = |_| Strategy::Link.draw(ingredients, beside, progress, &mut rng);
            (0..500).map(draw).collect()
        };
        let alone = Ingredients::all()
            - (Ingredients::NAMING | Ingredients::PLAIN_TEXT | Ingredients::REAL_NAMES);
        assert!(draws(alone, 0.5).iter().all(invented));
    }
}
