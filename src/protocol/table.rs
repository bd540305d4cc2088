//! Results: what is written as JSON and what a person reads.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cell::{Cell, Control};
use super::naming::NamingReport;
use super::plain::PlainReport;
use super::scoring::{Rate, highest};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// SHA-256 of the pack's manifest, which holds those of its shards.
    pub pack: String,
    /// Seed of the drawing.
    pub seed: u64,
    /// Whether the decoder had its adapter; without it, it is SmolLM2 as published, behind the same connector.
    pub adapter: bool,
    /// The GPU it was run on; none where it was the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// A line a source.
    pub sources: Vec<SourceReport>,
    /// Pictures named without a support set.
    pub naming: Vec<NamingReport>,
    /// Plain text.
    pub plain: Vec<PlainReport>,
}

/// The cells of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Whether its episodes were taken from a list of the paper's form, not drawn.
    pub list: bool,
    /// Its classes, none of which was trained on.
    pub classes: Vec<String>,
    /// Pictures of all of them.
    pub pictures: usize,
    /// Its results.
    pub cells: Vec<CellReport>,
}

/// One cell's figures and episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// Which cell.
    pub cell: Cell,
    /// Exact name followed by the stop, decoded greedily: the main figure.
    pub exact: Rate,
    /// The paper's substring rule on the same answers.
    pub substring: Rate,
    /// The right name is the likelier.
    pub likelier: Rate,
    /// The right name is the likelier by the decoder alone, without its attention's say in which name is begun.
    pub decoder_alone: Rate,
    /// The right concept's examples get the most attention at the naming step.
    pub leaning: Rate,
    /// The nearest prototype's concept is the right one; absent where there are no pictures.
    pub prototype: Option<Rate>,
    /// Under a swap: of the answers that were exact before it, how many are exactly the other name after it.
    pub flips: Option<Rate>,
    /// Exact answers where the first concept is asked for (in a list of the paper's form, the positive one), and where another is.
    pub by_target: [Rate; 2],
    /// Exact answers by the place of the deciding example in the support set, where each concept has but one.
    pub by_place: Vec<Rate>,
    /// How many are right of always giving the name that is asked for most often, counted in the order of the concepts.
    pub majority: Rate,
    /// Answers that are none of the episode's names.
    pub neither: Rate,
    /// Mean time of a support set and its answer, in milliseconds, with as many at a time as there are cores.
    pub milliseconds: f64,
    /// Every episode.
    pub episodes: Vec<Record>,
}

/// One episode as it was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Index with which it can be run again.
    pub index: u64,
    /// The names.
    pub names: Vec<String>,
    /// The support set in the order of the prompt: index of the name, class and file.
    pub examples: Vec<(usize, String, String)>,
    /// The query's class and file.
    pub query: (String, String),
    /// Index of the right name.
    pub target: usize,
    /// What the model answered.
    pub answer: String,
    /// Whether it ended the answer itself.
    pub finished: bool,
    /// Each example's share of the attention.
    pub shares: Vec<f32>,
    /// Whether the right concept's examples have the greatest share.
    pub leaning: bool,
    /// Each name's log-probability, with its stop.
    pub log_probabilities: Vec<f64>,
    /// The same by the decoder alone.
    pub own_log_probabilities: Vec<f64>,
    /// Score by [`exact`](super::scoring::exact).
    pub exact: bool,
    /// Score by [`substring`](super::scoring::substring).
    pub substring: bool,
    /// Whether the right name is the likelier.
    pub likelier: bool,
    /// Whether the nearest prototype is the right one.
    pub prototype: Option<bool>,
    /// Time of the support set and the answer, in milliseconds, with others on the other cores.
    pub milliseconds: f64,
}

impl CellReport {
    /// Counts a cell. `before` are the same episodes without the control.
    pub fn new(cell: Cell, episodes: Vec<Record>, before: Option<&[Record]>) -> Self {
        let rate = |score: fn(&Record) -> bool| Rate::new(episodes.iter().map(score));
        let swapped = cell.control == Some(Control::Swap);
        let flips = before.filter(|_| swapped).map(|before| {
            let pairs = before
                .iter()
                .zip(&episodes)
                .filter(|(before, _)| before.exact);
            // The swap exchanges the targets too: right now is the other name.
            Rate::new(pairs.map(|(_, after)| after.exact))
        });
        let prototype: Option<Vec<bool>> = episodes.iter().map(|record| record.prototype).collect();
        let milliseconds: f64 = episodes.iter().map(|record| record.milliseconds).sum();
        Self {
            cell,
            exact: rate(|record| record.exact),
            substring: rate(|record| record.substring),
            likelier: rate(|record| record.likelier),
            decoder_alone: rate(|record| highest(&record.own_log_probabilities, record.target)),
            leaning: rate(|record| record.leaning),
            prototype: prototype.map(Rate::new),
            flips,
            by_target: [true, false].map(|first| {
                let asked = episodes.iter().filter(|r| (r.target == 0) == first);
                Rate::new(asked.map(|record| record.exact))
            }),
            by_place: by_place(cell, &episodes),
            majority: majority(cell, &episodes),
            neither: rate(|record| !record.finished || !record.names.contains(&record.answer)),
            milliseconds: milliseconds / episodes.len() as f64,
            episodes,
        }
    }
}

impl CellReport {
    /// The mean of the accuracies where the first concept is right and where another is.
    pub fn balanced(&self) -> f64 {
        let [first, other] = self.by_target.map(Rate::share);
        (first + other) / 2.0
    }
}

/// The most that can be had without a look at the pictures.
fn majority(cell: Cell, episodes: &[Record]) -> Rate {
    let rates = (0..cell.ways).map(|name| Rate::new(episodes.iter().map(|r| r.target == name)));
    rates.max_by_key(|rate| rate.count).unwrap_or_default()
}

/// Exact answers by the place of the one example of the right concept.
fn by_place(cell: Cell, episodes: &[Record]) -> Vec<Rate> {
    if cell.shots != 1 || cell.control.is_some() {
        return Vec::new();
    }
    let place = |record: &Record| {
        let mut concepts = record.examples.iter().map(|example| example.0);
        concepts.position(|concept| concept == record.target)
    };
    (0..cell.ways)
        .map(|at| {
            let there = episodes.iter().filter(|r| place(r) == Some(at));
            Rate::new(there.map(|record| record.exact))
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            writeln!(
                f,
                "{}: {} classes, {} pictures, seed {}",
                source.name,
                source.classes.len(),
                source.pictures,
                self.seed
            )?;
            writeln!(
                f,
                "{:<21} {:>5}  {:<19}{:<19}{:<19}{:<19}{:<19}{:<19}{:>8}{:>6}",
                "",
                "n",
                "exact, %",
                "substring, %",
                "likelier, %",
                "decoder alone, %",
                "leaning, %",
                "prototype, %",
                "neither",
                "ms"
            )?;
            for cell in &source.cells {
                write!(f, "{:<21} {:>5}  ", cell.cell.to_string(), cell.exact.of)?;
                for rate in [
                    Some(cell.exact),
                    Some(cell.substring),
                    Some(cell.likelier),
                    Some(cell.decoder_alone),
                    Some(cell.leaning),
                    cell.prototype,
                ] {
                    write!(f, "{:<19}", rate.map_or_else(String::new, percent))?;
                }
                writeln!(f, "{:>8}{:>6.0}", cell.neither.count, cell.milliseconds)?;
                let detail = |rates: &[Rate]| {
                    let texts: Vec<String> = rates.iter().map(|rate| percent(*rate)).collect();
                    texts.join("  ")
                };
                if !cell.by_place.is_empty() {
                    writeln!(
                        f,
                        "{:<28}by place of the deciding example: {}",
                        "",
                        detail(&cell.by_place)
                    )?;
                }
                if source.list {
                    writeln!(
                        f,
                        "{:<28}positive, negative, balanced: {}  {:.1}",
                        "",
                        detail(&cell.by_target),
                        cell.balanced() * 100.0
                    )?;
                }
                if let Some(flips) = cell.flips {
                    writeln!(
                        f,
                        "{:<21} {:>5}  {:<19}of the answers that were right followed the swap",
                        "",
                        flips.of,
                        percent(flips)
                    )?;
                }
            }
            writeln!(f)?;
        }
        for naming in &self.naming {
            writeln!(
                f,
                "{}: {} pictures of training classes, none trained on, named without a support set: {} % by one of their names",
                naming.name,
                naming.right.of,
                percent(naming.right)
            )?;
        }
        for plain in &self.plain {
            writeln!(
                f,
                "{}: {} tokens, perplexity {:.2}, without the adapter {:.2}",
                plain.text, plain.tokens, plain.adapted, plain.published
            )?;
        }
        writeln!(
            f,
            "In brackets: 95 % Wilson intervals. Blank and shuffle: chance is one in the ways. Swap: scored against the exchanged names."
        )
    }
}

/// A share with its interval, in per cent.
fn percent(rate: Rate) -> String {
    if rate.of == 0 {
        return "-".to_owned();
    }
    let (low, high) = rate.interval();
    format!(
        "{:.1} ({:.1}-{:.1})",
        rate.share() * 100.0,
        low * 100.0,
        high * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An episode of "a" and "b" in which the model said `answer` where `target` was right.
    fn record(index: u64, target: usize, answer: &str, prototype: Option<bool>) -> Record {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let exact = names[target] == answer;
        Record {
            index,
            names,
            examples: Vec::new(),
            query: ("class".to_owned(), "file".to_owned()),
            target,
            answer: answer.to_owned(),
            finished: true,
            shares: Vec::new(),
            leaning: false,
            log_probabilities: vec![-0.7, -0.7],
            own_log_probabilities: vec![-0.7, -0.8],
            exact,
            substring: exact,
            likelier: exact,
            prototype,
            milliseconds: 10.0,
        }
    }

    #[test]
    fn flips_are_of_the_answers_that_were_right() {
        let before: Vec<Record> = ["a", "a", "a", "b"]
            .iter()
            .map(|answer| record(0, 0, answer, Some(true)))
            .collect();
        // Followed, kept, something else; and one that was wrong before, which does not count.
        let after = ["b", "a", "c", "b"]
            .iter()
            .map(|answer| record(0, 1, answer, Some(true)))
            .collect();
        let cell = "2-way/2-shot/swap".parse().unwrap();
        let report = CellReport::new(cell, after, Some(&before));
        assert_eq!(report.flips, Some(Rate { count: 1, of: 3 }));
        assert_eq!(report.exact, Rate { count: 2, of: 4 });
        assert_eq!(report.neither, Rate { count: 1, of: 4 });
        assert_eq!(report.prototype, Some(Rate { count: 4, of: 4 }));
        // Two of the four targets are the first name, which the decoder alone has for all.
        assert_eq!(report.majority, Rate { count: 4, of: 4 });
    }

    #[test]
    fn only_a_swap_has_flips_and_only_pictures_a_prototype() {
        let records = vec![record(0, 0, "a", None), record(1, 1, "a", None)];
        let cell = "2-way/2-shot/blank".parse().unwrap();
        let report = CellReport::new(cell, records.clone(), Some(&records));
        assert_eq!((report.flips, report.prototype), (None, None));
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let records = vec![record(0, 0, "a", Some(true)), record(1, 1, "a", Some(true))];
        let cell = CellReport::new("2-way/2-shot".parse().unwrap(), records, None);
        let source = SourceReport {
            name: "s".to_owned(),
            list: false,
            classes: vec!["class".to_owned()],
            pictures: 2,
            cells: vec![cell],
        };
        let report = Report {
            pack: String::new(),
            seed: 1,
            adapter: true,
            gpu: None,
            sources: vec![source],
            naming: Vec::new(),
            plain: Vec::new(),
        };
        let table = report.to_string();
        assert!(
            table.contains("2-way/2-shot              2  50.0 (9.5-90.5)"),
            "{table}"
        );
        let json = serde_json::to_value(&report).unwrap();
        let cell = &json["sources"][0]["cells"][0];
        assert_eq!(cell["cell"], "2-way/2-shot");
        assert_eq!(cell["exact"]["share"], 0.5);
        assert_eq!(cell["by_target"][0]["share"], 1.0);
        assert_eq!(cell["by_target"][1]["share"], 0.0);
        assert_eq!(cell["episodes"][1]["index"], 1);

        let kept: Report = serde_json::from_value(json).unwrap();
        let untuned = Report {
            adapter: false,
            gpu: None,
            ..kept.clone()
        };
        let markdown = super::super::markdown::tables(&[kept, untuned]).unwrap();
        let title = "| cell | episodes | exact, % | 95 % interval | substring, % | likelier, % | decoder alone, % | leaning, % | nearest prototype, % \
                     | majority name, % | untuned, % |";
        assert!(markdown.contains(title), "{markdown}");
        let row = "| 2-way/2-shot | 2 | 50.0 | 9.5 - 90.5 | 50.0 | 50.0 | 50.0 | 0.0 | 100.0 | 50.0 | 50.0 |";
        assert!(markdown.contains(row), "{markdown}");
    }
}
