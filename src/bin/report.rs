//! Writes the tables of docs/results.md. See `cargo xtask report -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use link_context::protocol::scoring::{Rate, sign_test};
use link_context::protocol::table::Report;
use link_context::protocol::{markdown, pools};
use link_context::train::log::{Measurement, Summary};

/// Writes Markdown tables of kept results and of training runs.
#[derive(Parser, Debug)]
struct Arguments {
    /// What `eval --json` wrote; results of `eval --untuned` give a column of their own.
    #[arg(required_unless_present = "runs")]
    results: Vec<PathBuf>,
    /// Writes of the results what the decoder and its attention say about the names, apart and in mixtures.
    #[arg(long)]
    pools: bool,
    /// Training runs to stand beside each other, each compared with the first, query by query: folders (`train --out`) or logs.
    #[arg(long, value_name = "RUN", num_args = 1..)]
    runs: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if !arguments.results.is_empty() {
        let results = arguments.results.iter().map(|path| {
            let named = || {
                format!(
                    "{} is no result of this version's `eval --json`",
                    path.display()
                )
            };
            serde_json::from_str::<Report>(&read(path)?).with_context(named)
        });
        let results: Vec<Report> = results.collect::<anyhow::Result<_>>()?;
        let tables = if arguments.pools {
            pools::tables(&results)?
        } else {
            markdown::tables(&results)?
        };
        print!("{tables}");
    }
    if !arguments.runs.is_empty() {
        let runs = arguments.runs.iter().map(|run| {
            let path = if run.is_dir() {
                run.join("log.jsonl")
            } else {
                run.clone()
            };
            Summary::of(&read(&path)?).with_context(|| path.display().to_string())
        });
        print_runs(&arguments.runs, &runs.collect::<anyhow::Result<Vec<_>>>()?);
    }
    Ok(())
}

/// A run is called by its folder, or its log.
fn print_runs(paths: &[PathBuf], runs: &[Summary]) {
    let common = Summary::common(runs);
    println!("All runs: {}.\n", common.join(", "));
    let columns: BTreeSet<&(String, usize)> =
        runs.iter().flat_map(|run| run.held_out.keys()).collect();
    print!(
        "| run | its own | steps | tokens | minutes | closing loss | all, % (95 % interval; queries) | right where the first is wrong, wrong where it is right (sign test) |"
    );
    for (source, shots) in &columns {
        let s = if *shots == 1 { "" } else { "s" };
        print!(" {source}, {shots} shot{s}, % |");
    }
    println!("\n|{}", " --- |".repeat(8 + columns.len()));
    for (path, run) in paths.iter().zip(runs) {
        let name = path.file_stem().unwrap_or(path.as_os_str());
        let own = run.setting.iter().filter(|thing| !common.contains(thing));
        let own: Vec<&str> = own.map(String::as_str).collect();
        let loss = run.loss.map_or("-".to_owned(), |loss| format!("{loss:.3}"));
        let rates = run.held_out.values();
        let all = rates.fold(Rate::default(), |all, cell| Rate {
            count: all.count + cell.count,
            of: all.of + cell.of,
        });
        let all = Some(all).filter(|all| all.of > 0);
        let all = all.map_or("-".to_owned(), |all| {
            let (low, high) = all.interval();
            let [share, low, high] = [all.share(), low, high].map(|share| share * 100.0);
            format!("{share:.1} ({low:.1} - {high:.1}; {})", all.of)
        });
        let first = runs.first().filter(|first| !std::ptr::eq(*first, run));
        let pairs = first.and_then(|first| run.beside(first));
        let pairs = pairs.map_or("-".to_owned(), |(better, worse)| {
            let p = match sign_test(better, worse) {
                p if p < 0.005 => "p < 0.01".to_owned(),
                p => format!("p = {p:.2}"),
            };
            format!("{better}, {worse} ({p})")
        });
        print!(
            "| {} | {} | {} | {} | {:.0} | {loss} | {all} | {pairs} |",
            name.display(),
            own.join(", "),
            run.steps,
            run.tokens,
            run.minutes,
        );
        for column in &columns {
            match run.held_out.get(*column) {
                Some(&Measurement { count, of, .. }) => {
                    print!(" {:.1} |", Rate { count, of }.share() * 100.0);
                }
                None => print!(" - |"),
            }
        }
        println!();
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
