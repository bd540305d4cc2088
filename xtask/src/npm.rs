//! Programs from the npm registry, at the versions that a lock file names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{files, process};

/// The oldest Node.js that the tools run on.
const NODE: u32 = 20;

/// The programs that the build runs, installed.
pub fn tools(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.root.join("xtask");
    install(&folder)?;
    Ok(folder.join("node_modules"))
}

/// Installs what a folder's lock file names, unless that is already there.
pub fn install(folder: &Path) -> Result<()> {
    let lock = files::sha256_of(&folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules").join(".lock-sha256");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    check_node()?;
    process::run(
        Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder),
    )
    .context("npm could not install the build's tools: its own message is above")?;
    files::write_whole(&stamp, lock.as_bytes())
}

fn check_node() -> Result<()> {
    let version = process::output(Command::new("node").arg("--version"))?;
    let version = version.trim();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default();
    match major.parse::<u32>() {
        Ok(major) if major >= NODE => Ok(()),
        _ => bail!("Node.js {NODE} or later is needed, this is {version}"),
    }
}
