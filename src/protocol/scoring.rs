//! What counts as right, and how sure a share is.

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// The main rule: the answer is the name, letter for letter, and the model ended it itself.
pub fn exact(answer: &str, finished: bool, names: &[String], target: usize) -> bool {
    finished && names.get(target).is_some_and(|name| name == answer)
}

/// The rule of the paper's code (`LCLComputeMetrics`, Tai et al. 2023): the answer has the name in it and, with the name cut out, no other
/// of the episode's names. It asks for no end.
///
/// Its defect stays in, so that figures compare: where the right name is part of a wrong one ("stone" and "airstone"), the wrong one
/// counts as right.
pub fn substring(answer: &str, names: &[String], target: usize) -> bool {
    let Some(right) = names.get(target).map(String::as_str) else {
        return false;
    };
    let rest = answer.replace(right, "");
    answer.contains(right)
        && names
            .iter()
            .enumerate()
            .all(|(name, other)| name == target || !rest.contains(other.as_str()))
}

/// Whether the right candidate scores higher than every other. A tie is wrong: it decides nothing.
pub fn highest<T: PartialOrd>(scores: &[T], target: usize) -> bool {
    scores
        .iter()
        .enumerate()
        .all(|(name, score)| name == target || scores.get(target) > Some(score))
}

/// Nearest class prototype (Snell et al. 2017), on features: the cosine between the query's features and the mean of each concept's
/// support features. What the encoder alone can do, with no language model.
///
/// `support` are the concept and the features of each example; a concept without any scores minus infinity.
pub fn prototype(ways: usize, support: &[(usize, Vec<f32>)], query: &[f32]) -> Vec<f32> {
    (0..ways)
        .map(|concept| {
            let mut sum = vec![0.0; query.len()];
            for (_, features) in support.iter().filter(|(of, _)| *of == concept) {
                sum.iter_mut()
                    .zip(features)
                    .for_each(|(sum, value)| *sum += value);
            }
            let length = dot(&sum, &sum).sqrt() * dot(query, query).sqrt();
            // Cosine knows no length, so that the sum serves for the mean.
            if length > 0.0 {
                dot(&sum, query) / length
            } else {
                f32::NEG_INFINITY
            }
        })
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Rate {
    /// How many were so.
    pub count: usize,
    /// Of how many.
    pub of: usize,
}

impl Rate {
    /// The share of `true`.
    pub fn new(outcomes: impl IntoIterator<Item = bool>) -> Self {
        outcomes
            .into_iter()
            .fold(Self::default(), |rate, outcome| Self {
                count: rate.count + usize::from(outcome),
                of: rate.of + 1,
            })
    }

    /// The share, 0 to 1; not a number of nothing.
    pub fn share(self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// The 95 % score interval of Wilson (1927), 0 to 1: the shares that would not have been rejected by what was counted. Unlike the
    /// normal approximation it stays right near 0 and 1.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (p, n) = (self.share(), self.of as f64);
        let z2 = Z * Z / n;
        let centre = p + z2 / 2.0;
        let half = (z2 * (p * (1.0 - p) + z2 / 4.0)).sqrt();
        (
            ((centre - half) / (1.0 + z2)).max(0.0),
            ((centre + half) / (1.0 + z2)).min(1.0),
        )
    }
}

/// The two-sided p-value of the exact sign test (of McNemar, where the pairs are of outcomes): how likely it is that two equals, asked the
/// same, differ by at least as much where just one of them was right. 1 where there is no such question.
pub fn sign_test(better: usize, worse: usize) -> f64 {
    let pairs = better + worse;
    let fewer = better.min(worse);
    // By logarithms: of a thousand pairs one outcome is likelier than f64 can tell from nothing.
    let none = pairs as f64 * 0.5_f64.ln();
    let outcomes = (0..fewer).scan(none, |outcome, count| {
        *outcome += ((pairs - count) as f64 / (count + 1) as f64).ln();
        Some(*outcome)
    });
    let tail: f64 = none.exp() + outcomes.map(f64::exp).sum::<f64>();
    (2.0 * tail).min(1.0)
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.interval();
        let mut fields = serializer.serialize_struct("Rate", 5)?;
        fields.serialize_field("count", &self.count)?;
        fields.serialize_field("of", &self.of)?;
        fields.serialize_field("share", &self.share())?;
        fields.serialize_field("low", &low)?;
        fields.serialize_field("high", &high)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: [&str; 2]) -> Vec<String> {
        names.map(str::to_owned).to_vec()
    }

    #[test]
    fn exact_wants_the_whole_name_and_its_end() {
        let names = names(["stone", "airstone"]);
        assert!(exact("stone", true, &names, 0));
        assert!(!exact("stone", false, &names, 0));
        for wrong in ["airstone", "Stone", "stone ", "stones", "ston", ""] {
            assert!(!exact(wrong, true, &names, 0), "{wrong}");
        }
    }

    #[test]
    fn substring_is_the_papers_rule_with_its_defect() {
        let other = names(["icemic", "klut"]);
        assert!(substring("there is \"icemic\" in the image.", &other, 0));
        assert!(!substring("icemic or klut", &other, 0));
        assert!(!substring("ICEMIC", &other, 0));
        assert!(!substring("", &other, 0));
        let parts = names(["stone", "airstone"]);
        // The defect: a wrong answer counts as right, because cutting "stone" out leaves "air".
        assert!(substring("airstone", &parts, 0));
        // And the other way round it is sound.
        assert!(substring("airstone", &parts, 1));
        assert!(!substring("stone", &parts, 1));
    }

    #[test]
    fn substring_looks_for_every_other_name() {
        let names: Vec<String> = ["a-one", "b-two", "c-three"].map(str::to_owned).to_vec();
        assert!(substring("b-two", &names, 1));
        assert!(!substring("b-two c-three", &names, 1));
    }

    #[test]
    fn a_tie_is_not_higher() {
        assert!(highest(&[0.1, 0.3, 0.2], 1));
        assert!(!highest(&[0.1, 0.3, 0.2], 2));
        assert!(!highest(&[0.0, 0.0], 0));
        assert!(!highest(&[f32::NAN, 0.5], 0));
    }

    #[test]
    fn the_nearest_prototype_goes_by_angle() {
        let support = [
            (0, vec![10.0, 0.0]),
            (0, vec![0.0, 10.0]),
            (1, vec![0.0, 1.0]),
        ];
        let scores = prototype(3, &support, &[3.0, 4.0]);
        assert!((scores[0] - 0.7 * 2.0_f32.sqrt()).abs() < 1e-6);
        assert!((scores[1] - 0.8).abs() < 1e-6);
        assert_eq!(scores[2], f32::NEG_INFINITY);
    }

    /// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn the_interval_is_newcombes_table() {
        for (count, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (found_low, found_high) = Rate { count, of }.interval();
            assert!((found_low - low).abs() < 5e-5, "{count}/{of}: {found_low}");
            assert!(
                (found_high - high).abs() < 5e-5,
                "{count}/{of}: {found_high}"
            );
        }
        // It is the same seen from the other side.
        let (low, high) = Rate { count: 20, of: 20 }.interval();
        assert!((low - (1.0 - 0.1611)).abs() < 5e-5 && high == 1.0);
    }

    #[test]
    fn the_sign_test_is_scipys() {
        #[derive(Deserialize)]
        struct Case {
            better: usize,
            worse: usize,
            p: f64,
        }
        let cases = include_str!("../../tests/fixtures/statistics/sign-test.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        assert_eq!(cases.len(), 10);
        for Case { better, worse, p } in cases {
            let found = sign_test(better, worse);
            assert!(
                (found - p).abs() <= 1e-9 * p,
                "{better}, {worse}: {found} for {p}"
            );
        }
    }

    #[test]
    fn a_rate_counts() {
        assert_eq!(
            Rate::new([true, false, true, true]),
            Rate { count: 3, of: 4 }
        );
        assert_eq!(Rate { count: 3, of: 4 }.share(), 0.75);
    }
}
