//! `cargo xtask bench browser` and `page`: speed and cost of the page's engine beside other engines, and of its first view, in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::CHROMIUM;
use crate::originals::Originals;
use crate::programs::Passed;
use crate::workspace::Workspace;
use crate::{dist, files, npm, process, serve};

/// Builds the site, exports the weights for the others, runs all and writes `docs/performance.md`. What comes after `browser` goes to the
/// runner: `--json`, or words that choose some of the runs.
pub fn browser(workspace: &Workspace, passed: &Passed) -> Result<()> {
    let folder = workspace.root.join("tests").join("bench");
    let chromium = CHROMIUM.find()?;
    npm::install(&folder)?;
    dist::write(workspace)?;
    let models = exported(workspace, &folder)?;
    process::run_shown(
        Command::new("node")
            .arg(folder.join("run.js"))
            .arg(workspace.root.join("dist"))
            .arg(models)
            .arg(workspace.root.join("docs").join("performance.md"))
            .args(passed.arguments().iter().skip(1))
            .env(CHROMIUM.variable, chromium),
    )
}

/// Opens the page several times, each in a browser profile of its own, and fails where its first content comes late, is heavy or moves. What
/// comes after `page` goes to the runner: `--json`.
pub fn page(workspace: &Workspace, passed: &Passed) -> Result<()> {
    let chromium = CHROMIUM.find()?;
    let folder = workspace.root.join("tests").join("browser");
    npm::install(&folder)?;
    let (_server, address) = serve::in_background(workspace)?;
    process::run_shown(
        Command::new("node")
            .arg(folder.join("first-content.js"))
            .arg(address)
            .args(passed.arguments().iter().skip(1))
            .env(CHROMIUM.variable, chromium),
    )
}

/// The others' models, exported anew when the script or the packages that it uses have changed.
fn exported(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let models = workspace.cache.join("bench-models");
    let requirements = folder.join("requirements.txt");
    let mut sources = Vec::new();
    for name in ["export.py", "requirements.txt", "prompt.txt"] {
        sources.extend(fs::read(folder.join(name))?);
    }
    let stamp = models.join("made-by");
    let source = files::sha256(&sources);
    if fs::read_to_string(&stamp).is_ok_and(|made| made == source) {
        return Ok(models);
    }
    let originals = Originals::obtain(workspace, None)?;
    let venv = workspace.cache.join("bench-venv");
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("the benchmark exports models with Python: install python3 and its venv module")?;
    let python = venv.join("bin").join("python");
    let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
    process::run(Command::new(&python).args(pip).arg(requirements))?;
    process::run(
        Command::new(&python)
            .arg(folder.join("export.py"))
            .arg(originals.gguf)
            .arg(originals.torch)
            .arg(&models),
    )?;
    files::write_whole(&stamp, source.as_bytes())?;
    Ok(models)
}
