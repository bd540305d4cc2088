//! `cargo xtask pictures`: pictures to train and measure with, drawn from packages whose licences let a page show them.

use std::process::Command;

use anyhow::Result;

use crate::programs::Passed;
use crate::workspace::Workspace;
use crate::{npm, process};

/// Installs what the drawing needs and draws, where the person stands, so that relative paths mean what they say.
pub fn draw(workspace: &Workspace, passed: &Passed) -> Result<()> {
    let folder = workspace.root.join("xtask").join("pictures");
    npm::install(&folder)?;
    let program = folder.join("main.mjs");
    process::run_shown(Command::new("node").arg(program).args(passed.arguments()))
}
