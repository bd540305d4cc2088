//! Two opinions on which name an answer begins: the decoder's own and its attention's.

use std::collections::BTreeMap;

/// How much the decoder has to say in which name it begins: chosen on training classes (docs/choices.md; `cargo xtask report -- --pools`
/// makes such a table).
const OWN: f64 = 0.25;

/// What the attention has to say in it.
const SHARE: f64 = 1.0;

/// Less attention than any example ever gets: a name that no example bears is improbable, not impossible.
const LEAST_SHARE: f64 = 1e-6;

/// How probable each name's first token is once the attention has had its say in which name it is: each token's `own` probability, by the decoder,
/// to the power of [`OWN`], times the share of the attention that the names beginning with it got. Together they stay as probable as the decoder
/// has them: whether it is a name at all is for it alone to say. `heads` are the tokens.
///
/// How readily a token is copied hangs on the token too, so that of two names one is often preferred whatever is seen; the attention does not
/// know them. Pointer-generator networks (See, Liu and Manning 2017) put the two together by a sum; this is the logarithmic pool of two opinions
/// (Genest and Zidek 1986), which made the right names more probable on training classes (docs/choices.md).
pub(super) fn pool(heads: &[u32], own: &[f64], shares: &[f64]) -> Vec<f64> {
    // Names that begin alike stand together here: what comes next tells them apart.
    let share_of = |head: &u32| -> f64 {
        let alike = heads.iter().zip(shares).filter(|(other, _)| *other == head);
        alike.map(|(_, share)| share).sum()
    };
    let weights = heads.iter().zip(own);
    let weights: Vec<f64> = weights
        .map(|(head, own)| weight(*own, share_of(head), [OWN, SHARE]))
        .collect();
    let distinct: BTreeMap<u32, (f64, f64)> = heads
        .iter()
        .zip(own.iter().copied().zip(weights.iter().copied()))
        .map(|(&head, both)| (head, both))
        .collect();
    let sum = |of: fn(&(f64, f64)) -> f64| distinct.values().map(of).sum::<f64>();
    let (all, total) = (sum(|both| both.0), sum(|both| both.1));
    if shares.iter().sum::<f64>() <= 0.0 || total <= 0.0 {
        return own.to_vec();
    }
    weights.iter().map(|weight| all * weight / total).collect()
}

/// A name's weight beside the others: its `own` probability, by the decoder, and its `share` of the attention, each to its power.
pub(crate) fn weight(own: f64, share: f64, powers: [f64; 2]) -> f64 {
    own.powf(powers[0]) * share.max(LEAST_SHARE).powf(powers[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attention_has_its_say_in_which_name_it_is_and_none_in_whether() {
        let near = |found: &[f64], expected: &[f64]| {
            let pairs = found.iter().zip(expected);
            assert!(
                pairs.clone().all(|(a, b)| (a - b).abs() < 1e-6),
                "{found:?}"
            );
            assert_eq!(found.len(), expected.len());
        };
        // Fourth roots of 2 and 1, times 1 and 3.
        let (first, second) = (2.0_f64.powf(0.25), 3.0);
        let pooled = pool(&[3, 5], &[0.4, 0.2], &[0.25, 0.75]);
        let part = 0.6 / (first + second);
        near(&pooled, &[first * part, second * part]);
        // Two names of one beginning, and one that no example bears.
        near(
            &pool(&[3, 3, 5], &[0.4, 0.4, 0.2], &[0.5, 0.5, 0.0]),
            &[0.6, 0.6, 0.0],
        );
        // Nothing was looked at: the decoder alone.
        near(&pool(&[3, 5], &[0.4, 0.2], &[0.0, 0.0]), &[0.4, 0.2]);
        near(&pool(&[3, 5], &[0.0, 0.0], &[0.5, 0.5]), &[0.0, 0.0]);
    }
}
