//! Writes the tables of docs/results.md. See `cargo xtask report -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use link_context::protocol::scoring::Rate;
use link_context::protocol::table::Report;
use link_context::protocol::{markdown, pools};
use link_context::train::log::Summary;

/// Writes Markdown tables of kept results and of training runs.
#[derive(Parser, Debug)]
struct Arguments {
    /// What `eval --json` wrote; results of `eval --untuned` give a column of their own.
    #[arg(required_unless_present = "runs")]
    results: Vec<PathBuf>,
    /// Writes of the results what the decoder and its attention say about the names, apart and in mixtures.
    #[arg(long)]
    pools: bool,
    /// Folders of training runs (`train --out`), to stand beside each other. May be given several times.
    #[arg(long, value_name = "DIR")]
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
        let runs = arguments.runs.iter().map(|folder| {
            let path = folder.join("log.jsonl");
            Summary::of(&read(&path)?).with_context(|| path.display().to_string())
        });
        print_runs(&arguments.runs, &runs.collect::<anyhow::Result<Vec<_>>>()?);
    }
    Ok(())
}

/// A run is called by its folder.
fn print_runs(folders: &[PathBuf], runs: &[Summary]) {
    let common = Summary::common(runs);
    println!("All runs: {}.\n", common.join(", "));
    let columns: BTreeSet<&(String, usize)> =
        runs.iter().flat_map(|run| run.held_out.keys()).collect();
    print!("| run | its own | steps | minutes | closing loss | all, % (95 % interval; queries) |");
    for (source, shots) in &columns {
        let s = if *shots == 1 { "" } else { "s" };
        print!(" {source}, {shots} shot{s}, % |");
    }
    println!("\n|{}", " --- |".repeat(6 + columns.len()));
    for (folder, run) in folders.iter().zip(runs) {
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        let own = run.setting.iter().filter(|thing| !common.contains(thing));
        let own: Vec<&str> = own.map(String::as_str).collect();
        let loss = run.loss.map_or("-".to_owned(), |loss| format!("{loss:.3}"));
        let rates = run.held_out.values();
        let all = rates.fold(Rate::default(), |all, &(right, of)| Rate {
            count: all.count + right,
            of: all.of + of,
        });
        let all = Some(all).filter(|all| all.of > 0);
        let all = all.map_or("-".to_owned(), |all| {
            let (low, high) = all.interval();
            let [share, low, high] = [all.share(), low, high].map(|share| share * 100.0);
            format!("{share:.1} ({low:.1} - {high:.1}; {})", all.of)
        });
        print!(
            "| {} | {} | {} | {:.0} | {loss} | {all} |",
            name.display(),
            own.join(", "),
            run.steps,
            run.minutes,
        );
        for column in &columns {
            match run.held_out.get(*column) {
                Some(&(count, of)) => print!(" {:.1} |", Rate { count, of }.share() * 100.0),
                None => print!(" - |"),
            }
        }
        println!();
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
