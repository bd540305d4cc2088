//! Two opinions on which name an answer is, where it may go on as one or another: the decoder's own and its attention's.

use std::collections::BTreeMap;

/// How much the decoder has to say in which name it is: chosen on training classes (docs/choices.md; `cargo xtask report -- --pools`
/// makes such a table).
const OWN: f64 = 0.25;

/// What the attention has to say in it.
const SHARE: f64 = 1.0;

/// Less attention than any example ever gets: a name that no example bears is improbable, not impossible.
const LEAST_SHARE: f64 = 1e-6;

/// Tokens of a name after which an answer that began with them goes on as that name: the rest is copied. Eight in a row that are a name's
/// are no chance, and the decoder by itself loses its place in a long name of emoji or Arabic, whose hundred bytes are much alike
/// (docs/choices.md).
const COPIED_AFTER: usize = 8;

/// The ways on that an answer may take where it may become one name or another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Index of each name and its next token; none where there is nothing to choose.
    pub(super) next: Vec<(usize, u32)>,
    /// Whether it goes on in one of these ways.
    pub(super) copied: bool,
}

/// The names of a support set, each with its stop.
pub(super) struct Endings {
    names: Vec<Vec<u32>>,
}

impl Endings {
    /// Of names of a support set.
    pub(super) fn new(names: &[Vec<u32>], stop: u32) -> Self {
        let names = names.iter().map(|name| [name, &[stop][..]].concat());
        Self {
            names: names.collect(),
        }
    }

    /// Where an answer begins: any of the names, and how.
    pub(super) fn first(&self) -> Choice {
        Choice {
            next: self.next(&[]),
            copied: false,
        }
    }

    /// What there is to choose after these tokens: something where names part, and where an answer has begun so long as some that it goes on
    /// as one of them.
    pub(super) fn choice(&self, ids: &[u32]) -> Choice {
        let next = self.next(ids);
        let copied = is_copied(ids) && !next.is_empty();
        let first = next.first().map(|(_, token)| *token);
        let alike = next.iter().all(|(_, token)| Some(*token) == first);
        if alike && !copied {
            Choice::default()
        } else {
            Choice { next, copied }
        }
    }

    /// The names that go on after these tokens, and how.
    fn next(&self, ids: &[u32]) -> Vec<(usize, u32)> {
        let names = self.names.iter().enumerate();
        let next = names.filter_map(|(index, name)| {
            let (token, _) = name.strip_prefix(ids)?.split_first()?;
            Some((index, *token))
        });
        next.collect()
    }

    /// What is left of the name, stop and all, where an answer has begun so long as this one name that the rest is copied.
    pub(super) fn rest(&self, ids: &[u32]) -> Option<&[u32]> {
        let mut rests = self.names.iter().filter_map(|name| name.strip_prefix(ids));
        let rest = rests.next()?;
        (is_copied(ids) && rests.next().is_none()).then_some(rest)
    }

    /// Log-probability of each name once the attention has had its say wherever it parts from another. `own` are those of its tokens by the
    /// decoder, `shares` each name's part of the attention; no names where nothing is known of them.
    pub(super) fn pooled(&self, own: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
        let names = self.names.iter().zip(own).enumerate();
        let pooled = names.map(|(index, (name, logs))| {
            let steps = logs.iter().enumerate().map(|(at, &log)| {
                let choice = self.choice(name.get(..at).unwrap_or_default());
                let place = choice.next.iter().position(|(other, _)| *other == index);
                let log_of = |(other, _): &(usize, u32)| own.get(*other)?.get(at).copied();
                let each: Option<Vec<f64>> = choice.next.iter().map(log_of).collect();
                let pooled = each.map(|own| choice.pool(&own, shares));
                // A name that parts from none here is as probable as the decoder has it.
                place
                    .and_then(|place| pooled?.get(place).copied())
                    .unwrap_or(log)
            });
            steps.sum()
        });
        pooled.collect()
    }
}

/// Whether an answer that has begun with these tokens of a name goes on as one.
fn is_copied(ids: &[u32]) -> bool {
    ids.len() >= COPIED_AFTER
}

impl Choice {
    /// How probable each way on is once the attention has had its say in which name it is: each token's `own` probability, by the decoder, to the power
    /// of [`OWN`], times the share of the attention that the names got which go on with it. Together they stay as probable as the decoder
    /// has them: whether it is a name at all is for it alone to say; only where the answer is copied they are certain. `shares` are those of all names; probabilities are given as logarithms.
    ///
    /// How readily a token is copied hangs on the token too, so that of two names one is often preferred whatever is seen; the attention does not
    /// know them. Pointer-generator networks (See, Liu and Manning 2017) put the two together by a sum; this is the logarithmic pool of two opinions
    /// (Genest and Zidek 1986), which made the right names more probable on training classes (docs/choices.md).
    pub(super) fn pool(&self, own: &[f64], shares: &[f64]) -> Vec<f64> {
        let next = &self.next;
        let share = |name: usize| shares.get(name).copied().unwrap_or_default();
        // Names that go on alike stand together here: where they part, they are told apart.
        let share_of = |token: u32| -> f64 {
            let alike = next.iter().filter(|(_, other)| *other == token);
            alike.map(|(name, _)| share(*name)).sum()
        };
        let ways = next.iter().zip(own);
        let weights: Vec<f64> = ways
            .map(|((_, token), own)| log_weight(*own, share_of(*token), [OWN, SHARE]))
            .collect();
        let distinct: BTreeMap<u32, (f64, f64)> = next
            .iter()
            .map(|(_, token)| *token)
            .zip(own.iter().copied().zip(weights.iter().copied()))
            .collect();
        let all = log_sum(distinct.values().map(|both| both.0));
        let total = log_sum(distinct.values().map(|both| both.1));
        let seen: f64 = next.iter().map(|(name, _)| share(*name)).sum();
        // Where nothing was looked at, the decoder alone has its say.
        let (weights, total) = if seen > 0.0 {
            (weights, total)
        } else {
            (own.to_vec(), all)
        };
        if !total.is_finite() {
            return own.to_vec();
        }
        let all = if self.copied { 0.0 } else { all };
        weights.iter().map(|weight| all + weight - total).collect()
    }
}

/// Logarithm of the sum of what these are the logarithms of.
fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if highest.is_finite() {
        highest + logs.map(|log| (log - highest).exp()).sum::<f64>().ln()
    } else {
        highest
    }
}

/// Logarithm of a name's weight beside the others: its `own` probability, by the decoder, as a logarithm, and its `share` of the attention,
/// each to its power.
pub(crate) fn log_weight(own: f64, share: f64, powers: [f64; 2]) -> f64 {
    powers[0] * own + powers[1] * share.max(LEAST_SHARE).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f64], expected: &[f64]) {
        let pairs = found.iter().zip(expected);
        let same = |(a, b): (&f64, &f64)| (a.exp() - b).abs() < 1e-6;
        assert!(pairs.clone().all(same), "{found:?}");
        assert_eq!(found.len(), expected.len());
    }

    fn pool(next: &[(usize, u32)], own: &[f64], shares: &[f64], copied: bool) -> Vec<f64> {
        let next = next.to_vec();
        Choice { next, copied }.pool(own, shares)
    }

    /// Logarithms.
    fn logs<const N: usize>(values: [f64; N]) -> Vec<f64> {
        values.into_iter().map(f64::ln).collect()
    }

    #[test]
    fn the_attention_has_its_say_in_which_name_it_is_and_none_in_whether() {
        // Fourth roots of 2 and 1, times 1 and 3.
        let (first, second) = (2.0_f64.powf(0.25), 3.0);
        let pooled = pool(&[(0, 3), (1, 5)], &logs([0.4, 0.2]), &[0.25, 0.75], false);
        let part = 0.6 / (first + second);
        near(&pooled, &[first * part, second * part]);
        // Two names of one beginning, and one that no example bears.
        let next = [(0, 3), (1, 3), (2, 5)];
        let pooled = pool(&next, &logs([0.4, 0.4, 0.2]), &[0.5, 0.5, 0.0], false);
        near(&pooled, &[0.6, 0.6, 0.0]);
        // Nothing was looked at: the decoder alone.
        let next = [(0, 3), (1, 5)];
        let alone = pool(&next, &logs([0.4, 0.2]), &[0.0, 0.0], false);
        near(&alone, &[0.4, 0.2]);
        let impossible = pool(&next, &logs([0.0, 0.0]), &[0.5, 0.5], false);
        near(&impossible, &[0.0, 0.0]);
        // Where the rest is copied there is no other way on.
        let copied = pool(&next, &logs([0.4, 0.2]), &[0.25, 0.75], true);
        near(
            &copied,
            &[first / (first + second), second / (first + second)],
        );
        let alone = pool(&next, &logs([0.4, 0.2]), &[0.0, 0.0], true);
        near(&alone, &[2.0 / 3.0, 1.0 / 3.0]);
        near(&pool(&[(0, 3)], &logs([0.4]), &[0.0], true), &[1.0]);
    }

    #[test]
    fn names_are_told_apart_where_they_part() {
        // Three names that begin alike, of which one ends where another goes on; 9 is the stop.
        let names = Endings::new(&[vec![1, 2], vec![1, 3], vec![1]], 9);
        assert_eq!(names.choice(&[]).next, []);
        assert_eq!(names.choice(&[1]).next, [(0, 2), (1, 3), (2, 9)]);
        assert_eq!(names.choice(&[1, 2]).next, []);
        assert_eq!(names.choice(&[4]).next, []);
        let own = [
            logs([0.5, 0.25, 1.0]),
            logs([0.5, 0.25, 1.0]),
            logs([0.5, 0.25]),
        ];
        near(
            &names.pooled(&own, &[0.5, 0.3, 0.2]),
            &[0.1875, 0.1125, 0.075],
        );
        // Two that part at once, and of one beginning two that part later.
        let names = Endings::new(&[vec![4], vec![5, 6], vec![5, 7]], 9);
        let own = [
            logs([0.5, 1.0]),
            logs([0.5, 0.5, 1.0]),
            logs([0.5, 0.5, 1.0]),
        ];
        near(&names.pooled(&own, &[0.2, 0.2, 0.6]), &[0.2, 0.2, 0.6]);
        // Nothing is known of the names where an answer was stopped.
        assert!(names.pooled(&[], &[0.2, 0.2, 0.6]).is_empty());
    }

    #[test]
    fn a_long_name_that_was_begun_is_copied() {
        let begin: Vec<u32> = (1..=8).collect();
        let name = |end: &[u32]| [&begin[..], end].concat();
        let names = Endings::new(&[name(&[10, 11]), name(&[10, 12]), vec![5]], 9);
        assert_eq!(names.rest(&begin[..7]), None);
        assert_eq!(names.choice(&begin[..7]).next, []);
        // Two names still go on alike: nothing else may, and neither is copied before they part.
        assert_eq!(names.rest(&begin), None);
        assert_eq!(names.choice(&begin).next, [(0, 10), (1, 10)]);
        assert_eq!(names.choice(&name(&[10])).next, [(0, 11), (1, 12)]);
        assert_eq!(names.rest(&name(&[10, 11])), Some(&[9][..]));
        assert_eq!(names.rest(&name(&[7])), None);
        // That it is one of the first two is certain at once; seven tokens by the decoder, one half each; which of the two is for both to say.
        let own = |count| vec![0.5_f64.ln(); count];
        let pooled = names.pooled(&[own(11), own(11), own(2)], &[0.75, 0.25, 0.0]);
        let begun = 0.5_f64.powi(7);
        near(&pooled[..2], &[0.75 * begun, 0.25 * begun]);
    }
}
