//! `cargo xtask train | train-encoder | eval | report | bench`: the crate's own programs, with the weights found for them.

use std::env;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::originals::Originals;
use crate::workspace::Workspace;
use crate::{pack, process};

/// Mimalloc's: never give memory back to the system before the program ends. A step of training frees gigabytes that the next one asks
/// for again, and the system zeroes them each time: a tenth of a training's time.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// What goes through to the program.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Passed {
    /// Arguments of the program; `-- --help` lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<String>,
}

/// What a program works on, and is given here unless its arguments say otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The published weight files, as `--gguf` and `--torch`.
    Originals,
    /// The encoder's published weight file, as `--torch`.
    Encoder,
    /// The pack, as `--pack`.
    Pack,
    /// What its arguments name, and nothing else.
    None,
}

/// Builds the program with optimisation and runs it where the person stands, so that relative paths mean what they say.
pub fn run(workspace: &Workspace, program: &str, input: Input, passed: &Passed) -> Result<()> {
    let mut command = Command::new(workspace.cargo().get_program());
    // The page's GPU kernels take minutes to compile; who does not ask for them does not wait for them.
    let features = if passed.names("--gpu") {
        "cli,webgpu"
    } else {
        "cli"
    };
    command
        .args([
            "run",
            "--release",
            "--features",
            features,
            "--bin",
            program,
            "--manifest-path",
        ])
        .arg(workspace.root.join("Cargo.toml"))
        .arg("--");
    if !passed.is_help() {
        match input {
            Input::Originals => {
                let originals = Originals::obtain(workspace, None)?;
                command
                    .arg("--gguf")
                    .arg(originals.gguf)
                    .arg("--torch")
                    .arg(originals.torch);
            }
            Input::Encoder => {
                let originals = Originals::obtain(workspace, None)?;
                command.arg("--torch").arg(originals.torch);
            }
            Input::None => {}
            Input::Pack if passed.names("--pack") => {}
            Input::Pack => {
                pack::write(workspace, None)?;
                command.arg("--pack").arg(workspace.pack());
            }
        }
    }
    if env::var_os(PURGE_DELAY).is_none() {
        command.env(PURGE_DELAY, "-1");
    }
    process::run_shown(command.args(&passed.arguments))
}

impl Passed {
    /// As they were given.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    fn names(&self, option: &str) -> bool {
        let is = |argument: &String| argument.split('=').next() == Some(option);
        self.arguments.iter().any(is)
    }

    fn is_help(&self) -> bool {
        self.names("--help") || self.names("-h")
    }
}
