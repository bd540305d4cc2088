//! Writes the tables of docs/results.md. See `cargo xtask report -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
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
        print_runs(&runs.collect::<anyhow::Result<Vec<_>>>()?);
    }
    Ok(())
}

fn print_runs(runs: &[Summary]) {
    let columns: BTreeSet<&(String, usize)> =
        runs.iter().flat_map(|run| run.held_out.keys()).collect();
    print!("| run | steps | minutes | closing loss |");
    for (source, shots) in &columns {
        let s = if *shots == 1 { "" } else { "s" };
        print!(" {source}, {shots} shot{s}, % (queries) |");
    }
    println!("\n|{}", " --- |".repeat(4 + columns.len()));
    for run in runs {
        let Summary {
            setting,
            steps,
            minutes,
            loss,
            held_out,
        } = run;
        let loss = loss.map_or("-".to_owned(), |loss| format!("{loss:.3}"));
        print!("| {setting} | {steps} | {minutes:.0} | {loss} |");
        for column in &columns {
            match held_out.get(*column) {
                Some((queries, exact)) => print!(" {:.1} ({queries}) |", exact * 100.0),
                None => print!(" - |"),
            }
        }
        println!();
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
