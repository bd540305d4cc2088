//! `cargo xtask record`: the answers to the ready episodes, which the page shows before any model is loaded.

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{pack, process};

/// Writes the pack, if it is not there, and lets the model answer. To be run anew whenever the adapter or the gallery changes.
pub fn record(workspace: &Workspace) -> Result<()> {
    pack::write(workspace, None)?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--features", "cli", "--bin", "record"]);
    command
        .arg("--")
        .arg("--pack")
        .arg(workspace.pack())
        .arg("--gallery")
        .arg(workspace.www().join("gallery"))
        .arg("--out")
        .arg(workspace.www().join("recorded"))
        .arg("--example")
        .arg(workspace.www().join("example.lcl.json"));
    process::run_shown(&mut command).context("the ready episodes could not be recorded")
}
