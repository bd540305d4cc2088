//! `cargo xtask dist`: the static site in one folder, for any file host.

use anyhow::{Result, ensure};

use crate::page::page;
use crate::report::{Report, megabytes};
use crate::workspace::Workspace;
use crate::{build, files, pack};

/// The most bytes that a visit may ask for: all files, for all of them are asked for.
const BUDGET: u64 = 110_000_000;

/// Builds everything and writes `dist/`, with the same addresses as `serve` has.
pub fn write(workspace: &Workspace) -> Result<()> {
    pack::write(workspace, None)?;
    build::build(workspace)?.check()?;
    let dist = workspace.root.join("dist");
    let part = workspace.root.join("dist.part");
    files::empty_folder(&part)?;
    files::copy_folder(&workspace.www(), &part)?;
    let index = part.join("index.html");
    files::write_whole(&index, page(&index)?.as_bytes())?;
    files::copy_folder(&workspace.pkg(), &part.join("pkg"))?;
    files::copy_folder(&workspace.pack(), &part.join("pack"))?;
    files::replace_folder(&part, &dist)?;
    let mut bytes = 0;
    let all = files::files_under(&dist)?;
    for file in &all {
        bytes += file.metadata()?.len();
    }
    Report::default()
        .text("folder", dist.display().to_string())
        .count("files", all.len())
        .text("size", megabytes(bytes))
        .print(false);
    ensure!(
        bytes <= BUDGET,
        "the site has {}, over its budget of {}",
        megabytes(bytes),
        megabytes(BUDGET)
    );
    Ok(())
}
