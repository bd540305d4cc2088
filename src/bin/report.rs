//! Writes the tables of docs/results.md. See `cargo xtask report -- --help`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Parser;
use link_context::protocol::markdown;
use link_context::protocol::table::Report;
use serde::Deserialize;

/// Steps over which a run's closing loss is averaged.
const CLOSING: usize = 50;

/// Writes Markdown tables of kept results and of training runs.
#[derive(Parser, Debug)]
struct Arguments {
    /// What `eval --json` wrote; results of `eval --untuned` give a column of their own.
    #[arg(required_unless_present = "runs")]
    results: Vec<PathBuf>,
    /// Folders of training runs (`train --out`), to stand beside each other. May be given several times.
    #[arg(long, value_name = "DIR")]
    runs: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if !arguments.results.is_empty() {
        let results = arguments.results.iter().map(|path| {
            let bytes = read(path)?;
            let named = || format!("{} is no result of `eval --json`", path.display());
            serde_json::from_str::<Report>(&bytes).with_context(named)
        });
        let results: Vec<Report> = results.collect::<anyhow::Result<_>>()?;
        print!("{}", markdown::tables(&results)?);
    }
    if !arguments.runs.is_empty() {
        let runs = arguments.runs.iter().map(|folder| Run::read(folder));
        print_runs(&runs.collect::<anyhow::Result<Vec<_>>>()?);
    }
    Ok(())
}

/// A line of a training log.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Setting {
        run: String,
    },
    HeldOut {
        step: usize,
        source: String,
        shots: usize,
        queries: usize,
        exact: f64,
    },
    Step {
        step: usize,
        loss: f64,
        linked: bool,
        seconds: f64,
    },
}

/// A training run as its log tells it.
struct Run {
    setting: String,
    steps: usize,
    minutes: f64,
    loss: f64,
    /// Source, shots, queries and the share of exact names at the last measurement.
    held_out: Vec<(String, usize, usize, f64)>,
}

impl Run {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("log.jsonl");
        let text = read(&path)?;
        let mut run = Self {
            setting: String::new(),
            steps: 0,
            minutes: 0.0,
            loss: f64::NAN,
            held_out: Vec::new(),
        };
        let (mut losses, mut last) = (Vec::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let named = || format!("{}, line {number}", path.display());
            match serde_json::from_str(line).with_context(named)? {
                Line::Setting { run: setting } => run.setting = setting,
                Line::Step {
                    step,
                    loss,
                    linked,
                    seconds,
                } => {
                    run.steps = step + 1;
                    run.minutes += seconds / 60.0;
                    if linked {
                        losses.push(loss);
                    }
                }
                Line::HeldOut {
                    step,
                    source,
                    shots,
                    queries,
                    exact,
                } => {
                    if last != Some(step) {
                        run.held_out.clear();
                    }
                    last = Some(step);
                    run.held_out.push((source, shots, queries, exact));
                }
            }
        }
        if run.steps == 0 {
            bail!("{} tells of no step", path.display());
        }
        let closing = &losses[losses.len().saturating_sub(CLOSING)..];
        run.loss = closing.iter().sum::<f64>() / closing.len() as f64;
        Ok(run)
    }
}

fn print_runs(runs: &[Run]) {
    let columns: BTreeSet<(&str, usize, usize)> = runs
        .iter()
        .flat_map(|run| &run.held_out)
        .map(|(source, shots, queries, _)| (source.as_str(), *shots, *queries))
        .collect();
    print!("| run | steps | minutes | closing loss |");
    for (source, shots, queries) in &columns {
        let s = if *shots == 1 { "" } else { "s" };
        print!(" {source}, {shots} shot{s}, % (n = {queries}) |");
    }
    println!("\n|{}", " --- |".repeat(4 + columns.len()));
    for run in runs {
        print!(
            "| {} | {} | {:.0} | {:.3} |",
            run.setting, run.steps, run.minutes, run.loss
        );
        for column in &columns {
            let found = run
                .held_out
                .iter()
                .find(|(source, shots, queries, _)| (source.as_str(), *shots, *queries) == *column);
            match found {
                Some((.., exact)) => print!(" {:.1} |", exact * 100.0),
                None => print!(" - |"),
            }
        }
        println!();
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
