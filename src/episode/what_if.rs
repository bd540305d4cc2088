//! What if the support set were another? Which interventions are worth a try on an episode, what a linked answer does under each, and
//! whether an answer did it.
//!
//! One question decides: what does the changed support set say of the pictures of the concept that was answered before? A linked answer
//! says the same. Where nothing is said any more, it must be a guess.

use serde::{Deserialize, Serialize};

use super::{Concept, Example, Intervention, interleave};

/// What an answer says of an episode's concepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The concept whose name was given.
    pub concept: Option<usize>,
    /// The probability of each concept's name.
    pub probabilities: Vec<f64>,
}

/// What the answer is, after an intervention, if the support set is its cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Expectation {
    /// The name before, which most pictures of its concept still carry.
    Same,
    /// This concept's name, which most pictures of the concept answered before now carry.
    Name {
        /// Its index.
        concept: usize,
    },
    /// Any other than the one before: none of its pictures is left.
    Other,
    /// A guess: no picture is shown.
    Guess {
        /// The probability of each name among the names, where nothing speaks for any.
        chance: f64,
    },
    /// Nothing can be said: no concept was answered before, or its pictures do not agree on a name.
    Open,
}

/// Whether an answer did what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It did: it follows the support set.
    Followed,
    /// It did not: the model failed.
    Failed,
    /// Nothing was expected.
    Open,
}

impl Expectation {
    /// What an intervention asks of the answer to an episode whose query was given the name of `answered`.
    pub fn of<P: Clone + PartialEq>(
        intervention: Intervention,
        concepts: &[Concept<P>],
        answered: Option<usize>,
    ) -> Self {
        let Some(answered) = answered else {
            return Self::Open;
        };
        let before = interleave(concepts);
        let mut after = before.clone();
        intervention.apply(concepts.len(), &mut after);
        if !after.is_empty() && after.iter().all(|example| example.blank) {
            let chance = 1.0 / concepts.len() as f64;
            return Self::Guess { chance };
        }
        let carried = after.iter().filter(|example| {
            let was = |old: &&Example<P>| old.picture == example.picture;
            before.iter().find(was).map(|old| old.concept) == Some(answered)
        });
        let carried: Vec<usize> = carried.map(|example| example.concept).collect();
        if carried.is_empty() {
            return Self::Other;
        }
        let most = |concept: &usize| {
            let count = carried.iter().filter(|of| *of == concept).count();
            count * 2 > carried.len()
        };
        match (0..concepts.len()).find(most) {
            Some(concept) if concept == answered => Self::Same,
            Some(concept) => Self::Name { concept },
            None => Self::Open,
        }
    }

    /// Whether the answer after the intervention is as expected. A guess it is when no name is given any more, or when the one given before
    /// has, among the names, a probability nearer to chance than to what it had.
    pub fn verdict(self, before: &Outcome, after: &Outcome) -> Verdict {
        let followed = match self {
            Self::Open => return Verdict::Open,
            Self::Same => after.concept == before.concept,
            Self::Name { concept } => after.concept == Some(concept),
            Self::Other => after.concept != before.concept,
            Self::Guess { chance } => {
                let Some(name) = before.concept else {
                    return Verdict::Open;
                };
                after.concept.is_none()
                    || share(after, name) < f64::midpoint(chance, share(before, name))
            }
        };
        if followed {
            Verdict::Followed
        } else {
            Verdict::Failed
        }
    }
}

/// A name's part of the probability of all names.
fn share(outcome: &Outcome, name: usize) -> f64 {
    let all: f64 = outcome.probabilities.iter().sum();
    match outcome.probabilities.get(name) {
        Some(probability) if all > 0.0 => probability / all,
        _ => 0.0,
    }
}

/// The interventions worth a try on an episode whose query was given the name of `answered`: those that change what the model reads, each
/// once.
pub fn worth_trying<P: Clone + PartialEq>(
    concepts: &[Concept<P>],
    answered: Option<usize>,
) -> Vec<Intervention> {
    /// Deals that are looked at for one that moves a name.
    const DEALS: u64 = 64;
    let changes = |intervention: &Intervention| {
        let mut examples = interleave(concepts);
        intervention.apply(concepts.len(), &mut examples);
        examples != interleave(concepts)
    };
    let mut deals = (0..DEALS).map(|seed| Intervention::Shuffle { seed });
    let drop = answered.map(|concept| Intervention::Drop { concept });
    let all = [
        Some(Intervention::Swap),
        deals.find(changes),
        Some(Intervention::Blank),
        drop,
        Some(Intervention::Reverse),
        Some(Intervention::Fewer { shots: 1 }),
    ];
    all.into_iter().flatten().filter(changes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two concepts of 3 and 2 pictures.
    fn concepts() -> Vec<Concept<u32>> {
        [("a", vec![10, 11, 12]), ("b", vec![20, 21])]
            .map(|(name, pictures)| Concept {
                name: name.to_owned(),
                pictures,
            })
            .into()
    }

    fn expected(intervention: Intervention, answered: usize) -> Expectation {
        Expectation::of(intervention, &concepts(), Some(answered))
    }

    fn outcome(concept: Option<usize>, probabilities: [f64; 2]) -> Outcome {
        Outcome {
            concept,
            probabilities: probabilities.into(),
        }
    }

    #[test]
    fn a_linked_answer_follows_the_pictures_of_its_concept() {
        use Expectation::{Guess, Name, Other, Same};
        for answered in [0, 1] {
            let concept = 1 - answered;
            assert_eq!(expected(Intervention::Swap, answered), Name { concept });
            assert_eq!(expected(Intervention::Reverse, answered), Same);
            assert_eq!(expected(Intervention::Fewer { shots: 1 }, answered), Same);
            let guess = Guess { chance: 0.5 };
            assert_eq!(expected(Intervention::Blank, answered), guess);
            let drop = |concept| Intervention::Drop { concept };
            assert_eq!(expected(drop(answered), answered), Other);
            assert_eq!(expected(drop(1 - answered), answered), Same);
        }
        let open = Expectation::of(Intervention::Swap, &concepts(), None);
        assert_eq!(open, Expectation::Open);
    }

    #[test]
    fn a_shuffle_is_followed_by_the_name_that_most_pictures_carry() {
        for seed in 0..200 {
            let shuffle = Intervention::Shuffle { seed };
            let mut examples = interleave(&concepts());
            shuffle.apply(2, &mut examples);
            let of = |pictures: &[u32], name| {
                let carries =
                    |e: &&Example<u32>| pictures.contains(&e.picture) && e.concept == name;
                examples.iter().filter(carries).count()
            };
            // Three pictures always agree on one of two names, two pictures may carry one each.
            let first = match of(&[10, 11, 12], 1) {
                0 | 1 => Expectation::Same,
                _ => Expectation::Name { concept: 1 },
            };
            assert_eq!(expected(shuffle, 0), first);
            let second = match of(&[20, 21], 1) {
                0 => Expectation::Name { concept: 0 },
                1 => Expectation::Open,
                _ => Expectation::Same,
            };
            assert_eq!(expected(shuffle, 1), second);
        }
    }

    #[test]
    fn the_verdict_compares_the_answer_with_what_was_expected() {
        use Verdict::{Failed, Followed, Open};
        let sure = outcome(Some(0), [0.9, 0.05]);
        let other = outcome(Some(1), [0.2, 0.7]);
        let none = outcome(None, [0.02, 0.01]);
        let name = |concept| Expectation::Name { concept };
        assert_eq!(name(1).verdict(&sure, &other), Followed);
        assert_eq!(name(1).verdict(&sure, &sure), Failed);
        assert_eq!(name(1).verdict(&sure, &none), Failed);
        assert_eq!(Expectation::Same.verdict(&sure, &sure), Followed);
        assert_eq!(Expectation::Same.verdict(&sure, &other), Failed);
        assert_eq!(Expectation::Same.verdict(&sure, &none), Failed);
        assert_eq!(Expectation::Other.verdict(&sure, &other), Followed);
        assert_eq!(Expectation::Other.verdict(&sure, &none), Followed);
        assert_eq!(Expectation::Other.verdict(&sure, &sure), Failed);
        assert_eq!(Expectation::Open.verdict(&sure, &other), Open);
    }

    #[test]
    fn a_guess_is_nearer_to_chance_than_to_the_answer_before() {
        let before = outcome(Some(0), [0.45, 0.05]);
        let verdict = |first, second| {
            let after = outcome(Some(0), [first, second]);
            Expectation::Guess { chance: 0.5 }.verdict(&before, &after)
        };
        // Among the names it was 90 %; half-way to the chance of 50 % lies 70 %.
        assert_eq!(verdict(0.069, 0.031), Verdict::Followed);
        assert_eq!(verdict(0.71, 0.29), Verdict::Failed);
        assert_eq!(verdict(0.1, 0.9), Verdict::Followed);
        assert_eq!(verdict(0.0, 0.0), Verdict::Followed);
        // Who gives none of the names leans towards none, whichever would be the likelier.
        let none = outcome(None, [0.04, 0.01]);
        let guess = Expectation::Guess { chance: 0.5 };
        assert_eq!(guess.verdict(&before, &none), Verdict::Followed);
    }

    #[test]
    fn only_what_changes_something_is_worth_trying() {
        let kinds = |concepts: &[Concept<u32>], answered| {
            let all = worth_trying(concepts, answered);
            all.iter()
                .map(|intervention| serde_json::to_value(intervention).unwrap()["kind"].clone())
                .collect::<Vec<_>>()
        };
        let mut full = concepts();
        let all = ["swap", "shuffle", "blank", "drop", "reverse", "fewer"];
        assert_eq!(kinds(&full, Some(1)), all);
        full.iter_mut()
            .for_each(|concept| concept.pictures.truncate(1));
        assert_eq!(kinds(&full, Some(1)), &all[..5]);
        assert_eq!(kinds(&full, None), ["swap", "shuffle", "blank", "reverse"]);
        // Half of the deals of two names leave them where they were.
        let shuffle = worth_trying(&full, None)[1];
        assert_eq!(
            Expectation::of(shuffle, &full, Some(0)),
            Expectation::Name { concept: 1 }
        );
    }
}
