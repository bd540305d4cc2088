//! `cargo xtask audit`: what we depend on. Licences, sources and doubles of the crates by cargo-deny, and known vulnerabilities where its database
//! is at hand; signatures of the npm packages by npm, which fetches the keys. What is installed is held against the hashes of the lock files in
//! any case, by cargo and by `npm ci`.
//!
//! A command of its own and no step of the tests: its answer changes without a change here, and cargo-deny takes minutes to build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{npm, process};

/// At a version that is named, as all that the commands run.
const CARGO_DENY: &str = "0.20.2";

/// Folders with a lock file of npm.
const NPM: [&str; 3] = ["xtask", "tests/browser", "tests/bench"];

/// Checks everything; what was found is printed before it fails.
pub fn audit(workspace: &Workspace) -> Result<()> {
    let mut failed = Vec::new();
    let mut check = |what: &str, result: Result<()>| {
        if let Err(error) = result {
            eprintln!("error: {what}: {error:#}");
            failed.push(what.to_owned());
        }
    };
    let root = workspace.cache.join("cargo-deny");
    install(workspace, &root)?;
    let deny = |checks: &[&str]| {
        let mut deny = Command::new(root.join("bin").join("cargo-deny"));
        deny.args(["--locked", "--all-features", "check"])
            .args(checks)
            .current_dir(&workspace.root);
        process::run(&mut deny)
    };
    check("crates", deny(&["bans", "licenses", "sources"]));
    let unknown = "vulnerabilities of crates (or their database could not be fetched)";
    check(unknown, deny(&["advisories"]));
    for folder in NPM {
        let path = workspace.root.join(folder);
        npm::install(&path)?;
        let mut signatures = Command::new("npm");
        signatures.args(["audit", "signatures"]).current_dir(&path);
        let unknown = format!("signatures of {folder} (or npm's keys could not be fetched)");
        check(&unknown, process::run(&mut signatures));
    }
    if !failed.is_empty() {
        bail!("these were not in order: {}", failed.join("; "));
    }
    Ok(())
}

fn install(workspace: &Workspace, root: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "cargo-deny", "--locked", "--version", CARGO_DENY])
        .arg("--root")
        .arg(root)
        .current_dir(&workspace.root);
    process::run(&mut cargo).context("cargo-deny could not be installed: cargo's message is above")
}
