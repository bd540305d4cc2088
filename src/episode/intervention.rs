//! Changes to a support set that show whether the answer comes from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Example;

/// A change to the support set that shows whether the answer comes from it: one that the answer must
/// follow, or one that it must not mind. What to expect of each is in [`what_if`](super::what_if).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intervention {
    /// Every picture stays in its place and takes the name of the next concept; the last takes the
    /// first's. With two concepts the names change sides, and a linked answer must follow.
    Swap,
    /// The names are dealt anew among the pictures, each as often as before. It can come out as the
    /// episode was: what it does shows only over many seeds.
    Shuffle {
        /// Equal seeds deal equally, on every machine.
        seed: u64,
    },
    /// The names stay and no picture is shown.
    Blank,
    /// One concept's examples are left out.
    Drop {
        /// Its index.
        concept: usize,
    },
    /// The examples are read in the opposite order.
    Reverse,
    /// Only the first pictures of every concept stay.
    Fewer {
        /// How many of each.
        shots: usize,
    },
}

impl Intervention {
    /// Changes the examples of an episode of `ways` concepts. The concepts themselves stay, so that
    /// the probability of every name can still be asked for.
    pub fn apply<P>(self, ways: usize, examples: &mut Vec<Example<P>>) {
        match self {
            Self::Swap => {
                for example in examples.iter_mut() {
                    example.concept = (example.concept + 1) % ways;
                }
            }
            Self::Shuffle { seed } => {
                // Fisher and Yates's shuffle, of the names alone.
                let mut random = SplitMix64(seed);
                let mut dealt: Vec<usize> = examples.iter().map(|of| of.concept).collect();
                for last in (1..dealt.len()).rev() {
                    dealt.swap(random.below(last + 1), last);
                }
                for (example, concept) in examples.iter_mut().zip(dealt) {
                    example.concept = concept;
                }
            }
            Self::Blank => {
                for example in examples.iter_mut() {
                    example.blank = true;
                }
            }
            Self::Drop { concept } => examples.retain(|example| example.concept != concept),
            Self::Reverse => examples.reverse(),
            Self::Fewer { shots } => {
                let mut seen = BTreeMap::new();
                examples.retain(|example| {
                    let seen = seen.entry(example.concept).or_insert(0);
                    *seen += 1;
                    *seen <= shots
                });
            }
        }
    }
}

/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014). It is
/// here, and not a crate's, because the page's shuffles and the benchmark's must never drift apart.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`. Its bias, `bound` in 2^64, is far below what any run could show.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Three concepts of 3, 1 and 2 pictures.
    fn examples() -> Vec<Example<u32>> {
        let of = |(concept, picture)| Example {
            concept,
            picture,
            blank: false,
        };
        [(0, 10), (1, 20), (2, 30), (0, 11), (2, 31), (0, 12)]
            .map(of)
            .to_vec()
    }

    fn labels(examples: &[Example<u32>]) -> Vec<usize> {
        examples.iter().map(|example| example.concept).collect()
    }

    fn pictures(examples: &[Example<u32>]) -> Vec<u32> {
        examples.iter().map(|example| example.picture).collect()
    }

    #[test]
    fn swap_moves_the_names_and_not_the_pictures() {
        let mut swapped = examples();
        Intervention::Swap.apply(3, &mut swapped);
        assert_eq!(pictures(&swapped), pictures(&examples()));
        assert_eq!(labels(&swapped), [1, 2, 0, 1, 0, 1]);
        // As many swaps as there are concepts lead back.
        Intervention::Swap.apply(3, &mut swapped);
        Intervention::Swap.apply(3, &mut swapped);
        assert_eq!(swapped, examples());
    }

    #[test]
    fn shuffle_deals_the_same_names_evenly() {
        let mut seen = HashSet::new();
        let mut first = [0; 3];
        for seed in 0..6000 {
            let mut shuffled = examples();
            Intervention::Shuffle { seed }.apply(3, &mut shuffled);
            assert_eq!(pictures(&shuffled), pictures(&examples()));
            let dealt = labels(&shuffled);
            first[dealt[0]] += 1;
            let mut sorted = dealt.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 0, 0, 1, 2, 2]);
            seen.insert(dealt);
        }
        // 6! / (3! 1! 2!) different deals; the first picture gets each name by its share.
        assert_eq!(seen.len(), 60);
        for (count, expected) in first.into_iter().zip([3000, 1000, 2000]) {
            assert!(i32::abs(count - expected) < 150, "{count} of {expected}");
        }
    }

    #[test]
    fn the_generator_is_split_mix_64() {
        // The first outputs for seed 1234567 on which Rosetta Code's implementations agree.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn blank_hides_and_drop_removes() {
        let mut blank = examples();
        Intervention::Blank.apply(3, &mut blank);
        assert!(blank.iter().all(|example| example.blank));
        assert_eq!(
            (pictures(&blank), labels(&blank)),
            (pictures(&examples()), labels(&examples()))
        );
        let mut dropped = examples();
        Intervention::Drop { concept: 2 }.apply(3, &mut dropped);
        assert_eq!(pictures(&dropped), [10, 20, 11, 12]);
    }

    #[test]
    fn reverse_turns_the_order_and_fewer_keeps_the_first() {
        let mut reversed = examples();
        Intervention::Reverse.apply(3, &mut reversed);
        assert_eq!(pictures(&reversed), [12, 31, 11, 30, 20, 10]);
        assert_eq!(labels(&reversed), [0, 2, 0, 2, 1, 0]);
        let mut fewer = examples();
        Intervention::Fewer { shots: 2 }.apply(3, &mut fewer);
        assert_eq!(pictures(&fewer), [10, 20, 30, 11, 31]);
        Intervention::Fewer { shots: 1 }.apply(3, &mut fewer);
        assert_eq!(pictures(&fewer), [10, 20, 30]);
    }

    #[test]
    fn the_file_form_is_plain() {
        let shuffle = Intervention::Shuffle { seed: 3 };
        assert_eq!(
            serde_json::to_string(&shuffle).unwrap(),
            r#"{"kind":"shuffle","seed":3}"#
        );
        let drop: Intervention = serde_json::from_str(r#"{"kind":"drop","concept":1}"#).unwrap();
        assert_eq!(drop, Intervention::Drop { concept: 1 });
    }
}
