//! What the decoder and its attention say about the names, apart and in mixtures: what `session/pool.rs` was chosen by.

use std::fmt::{self, Write as _};

use super::cell::{Cell, Control};
use super::scoring::{Rate, highest};
use super::shares_of_concepts;
use super::table::{CellReport, Record, Report};
use crate::session::pool::log_weight;

/// Powers of the decoder's probability and of the attention's share that stand beside each other.
const OWN: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
const SHARE: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

/// Markdown tables of kept results with their episodes: what one of two names is worth by itself, where there are cells with a swap beside the
/// same without it; and mixtures of the two opinions, over all cells without a control.
///
/// # Errors
///
/// None: a text takes whatever is written to it.
pub fn tables(reports: &[Report]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let sources: Vec<_> = reports.iter().flat_map(|report| &report.sources).collect();
    writeln!(
        text,
        "| source | cell | episodes | what the pictures say, mean | the name's own, deviation | the decoder is right, % \
         | it would be without the names' own, % |\n|{}",
        " --- |".repeat(7)
    )?;
    for source in &sources {
        for (cell, preference) in preferences(&source.cells) {
            writeln!(
                text,
                "| {} | {cell} | {} | {:.2} | {:.2} | {:.1} | {:.1} |",
                source.name,
                preference.right.of,
                preference.pictures,
                preference.own,
                preference.right.share() * 100.0,
                preference.without.share() * 100.0
            )?;
        }
    }
    let cells = sources.iter().flat_map(|source| &source.cells);
    let cells: Vec<&CellReport> = cells.filter(|cell| cell.cell.control.is_none()).collect();
    writeln!(
        text,
        "\n| the decoder's to the power of | the attention's to the power of | right, % | nats lost |\n|{}",
        " --- |".repeat(4)
    )?;
    let alone = std::iter::once([1.0, 0.0]);
    for powers in alone.chain(OWN.into_iter().flat_map(|own| SHARE.map(|s| [own, s]))) {
        let (right, lost) = mean_of_cells(&cells, powers);
        writeln!(
            text,
            "| {} | {} | {:.1} | {lost:.3} |",
            powers[0],
            powers[1],
            right * 100.0
        )?;
    }
    writeln!(text, "\nMeans of {} cells.", cells.len())?;
    Ok(text)
}

/// What a swap tells of the decoder alone. The margin of the right name over the other, in nats, is the sum of what the pictures say and of
/// what the name is worth by itself; when the names have changed sides, it is their difference.
struct Preference {
    /// Mean of what the pictures say.
    pictures: f64,
    /// Root of the mean square of what a name is worth by itself.
    own: f64,
    /// Right before the swap.
    right: Rate,
    /// What it would be if names were worth nothing by themselves.
    without: Rate,
}

fn preferences(cells: &[CellReport]) -> Vec<(Cell, Preference)> {
    let twins = cells.iter().filter_map(|cell| {
        let swapped = Cell {
            control: Some(Control::Swap),
            ..cell.cell
        };
        let twin = cells.iter().find(|other| other.cell == swapped)?;
        Some((cell, twin)).filter(|_| cell.cell.ways == 2 && cell.cell.control.is_none())
    });
    let preference = |(cell, twin): (&CellReport, &CellReport)| {
        let pairs = cell.episodes.iter().zip(&twin.episodes);
        let margins = pairs.filter_map(|(one, other)| Some((margin(one)?, margin(other)?)));
        let margins: Vec<(f64, f64)> = margins.collect();
        let count = margins.len() as f64;
        let pictures = |(one, other): &(f64, f64)| (one + other) / 2.0;
        let own = margins.iter().map(|(one, other)| (one - other) / 2.0);
        let preference = Preference {
            pictures: margins.iter().map(pictures).sum::<f64>() / count,
            own: (own.map(|own| own * own).sum::<f64>() / count).sqrt(),
            right: Rate::new(margins.iter().map(|(one, _)| *one > 0.0)),
            without: Rate::new(margins.iter().map(|both| pictures(both) > 0.0)),
        };
        (cell.cell, preference)
    };
    twins.map(preference).collect()
}

/// By how much the decoder alone finds the right one of two names the likelier.
fn margin(record: &Record) -> Option<f64> {
    match *record.own_log_probabilities.as_slice() {
        [first, second] if record.target == 0 => Some(first - second),
        [first, second] => Some(second - first),
        _ => None,
    }
}

/// How often the right name is the likeliest by a mixture, and the nats that it loses on it, as means over cells.
fn mean_of_cells(cells: &[&CellReport], powers: [f64; 2]) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for cell in cells {
        let mixed: Vec<(usize, Vec<f64>)> = cell
            .episodes
            .iter()
            .map(|record| (record.target, mix(record, powers)))
            .collect();
        let lost = mixed.iter().map(|(target, probabilities)| {
            let right = probabilities.get(*target).copied().unwrap_or(0.0);
            -right.max(f64::MIN_POSITIVE).ln()
        });
        sums.1 += lost.sum::<f64>() / mixed.len() as f64;
        let right = mixed.iter().map(|(target, mixed)| highest(mixed, *target));
        sums.0 += Rate::new(right).share();
    }
    let count = cells.len() as f64;
    (sums.0 / count, sums.1 / count)
}

/// Each name's probability among the names.
fn mix(record: &Record, powers: [f64; 2]) -> Vec<f64> {
    let own = &record.own_log_probabilities;
    let examples = record.examples.iter().map(|(concept, ..)| *concept);
    let shares = shares_of_concepts(own.len(), examples.zip(record.shares.iter().copied()));
    let weights = own.iter().zip(shares);
    let weights: Vec<f64> = weights
        .map(|(log, share)| log_weight(*log, share, powers).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: usize, own: [f64; 2], shares: [f32; 2]) -> Record {
        Record {
            index: 0,
            names: vec!["a".to_owned(), "b".to_owned()],
            examples: vec![
                (0, String::new(), String::new()),
                (1, String::new(), String::new()),
            ],
            query: (String::new(), String::new()),
            target,
            answer: "a".to_owned(),
            finished: true,
            shares: shares.to_vec(),
            leaning: false,
            log_probabilities: own.to_vec(),
            own_log_probabilities: own.to_vec(),
            exact: target == 0,
            substring: target == 0,
            likelier: target == 0,
            prototype: None,
            milliseconds: 1.0,
        }
    }

    #[test]
    fn a_swap_parts_what_the_pictures_say_from_what_a_name_is_worth() {
        // The pictures say 1 for the right one; "a" is worth 2 more than "b", whatever they say.
        let before = vec![record(0, [3.0, 0.0], [0.5, 0.5])];
        let after = vec![record(1, [1.0, 0.0], [0.5, 0.5])];
        let cells = [("2-way/1-shot", before), ("2-way/1-shot/swap", after)];
        let cells =
            cells.map(|(cell, records)| CellReport::new(cell.parse().unwrap(), records, None));
        let [(cell, found)] = preferences(&cells).try_into().ok().unwrap();
        assert_eq!(cell.to_string(), "2-way/1-shot");
        assert_eq!((found.pictures, found.own), (1.0, 2.0));
        assert_eq!(found.right, Rate { count: 1, of: 1 });
        assert_eq!(found.without, Rate { count: 1, of: 1 });
        let turned = preferences(&[cells[1].clone(), cells[0].clone()]);
        assert_eq!(turned.len(), 1);
    }

    #[test]
    fn a_mixture_weighs_both_opinions() {
        // The decoder says 4 to 1 for the wrong one, the attention 1 to 3 for the right one.
        let record = record(1, [0.8_f64.ln(), 0.2_f64.ln()], [0.25, 0.75]);
        let near = |found: Vec<f64>, expected: f64| (found[1] - expected).abs() < 1e-6;
        assert!(near(mix(&record, [1.0, 0.0]), 0.2));
        assert!(near(mix(&record, [0.0, 1.0]), 0.75));
        // Halves of powers: 2 to 1 against 1 to 3.
        assert!(near(mix(&record, [0.5, 1.0]), 0.6));
        let cell = CellReport::new("2-way/1-shot".parse().unwrap(), vec![record], None);
        let (right, lost) = mean_of_cells(&[&cell], [0.5, 1.0]);
        assert_eq!(right, 1.0);
        assert!((lost + 0.6_f64.ln()).abs() < 1e-6);
        assert_eq!(mean_of_cells(&[&cell], [1.0, 0.0]).0, 0.0);
    }
}
