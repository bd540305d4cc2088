//! `cargo xtask fuzz`: broken input for everything that reads what comes from outside. See tests/fuzz.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// Each target with the fixtures that it begins from, besides its own corpus.
const TARGETS: [(&str, &str, &[&str]); 10] = [
    ("gguf", "weights", &["gguf"]),
    ("torch", "weights", &["pth"]),
    ("safetensors", "weights", &["safetensors"]),
    ("manifest", "tiny/pack", &["json"]),
    ("pack", "", &[]),
    ("episode-file", "episodes", &["json"]),
    ("link", "episodes", &["txt"]),
    ("picture", "pictures", &["png", "jpg", "gif", "webp", "bmp"]),
    ("tokenizer", "", &[]),
    ("template", "", &[]),
];

/// Inputs a target, where nothing else is said: what the project asks of itself.
pub const RUNS: u64 = 10_000_000;

/// What an input may take, in seconds and MB.
const TIME_LIMIT: u32 = 1;
const MEMORY_LIMIT: u32 = 1024;

/// Runs every target, or one, for so long or so many inputs, whichever ends first, and prints a table.
pub fn fuzz(workspace: &Workspace, only: Option<&str>, time: Duration, runs: u64) -> Result<()> {
    let program = build(workspace)?;
    let mut rows = Vec::new();
    for (target, folder, endings) in TARGETS {
        if only.is_some_and(|only| only != target) {
            continue;
        }
        let work = program.with_file_name("fuzz-work").join(target);
        let seeds = seeds(workspace, &work, target, folder, endings)?;
        rows.push(run(&program, &work, &seeds, target, time, runs)?);
    }
    if rows.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|(name, ..)| *name).collect();
        bail!("there is no such target; there are {}", names.join(", "));
    }
    println!("| target | inputs | seconds | slowest, s | memory, MB |");
    println!("| --- | --- | --- | --- | --- |");
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let wrapper = workspace.root.join("tests/fuzz/rustc.sh");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "link-context-fuzz"]);
    process::run(cargo.env("RUSTC_WORKSPACE_WRAPPER", wrapper))?;
    Ok(workspace.target.join("release").join("fuzz"))
}

/// A folder with what a target begins from.
fn seeds(
    workspace: &Workspace,
    work: &Path,
    target: &str,
    folder: &str,
    endings: &[&str],
) -> Result<PathBuf> {
    let tests = workspace.root.join("tests");
    let seeds = work.join("seeds");
    fs::create_dir_all(&seeds)?;
    for from in [
        tests.join("fixtures").join(folder),
        tests.join("fuzz/corpus").join(target),
    ] {
        let own = from.starts_with(tests.join("fuzz"));
        if !from.exists() || (folder.is_empty() && !own) {
            continue;
        }
        for entry in fs::read_dir(&from)? {
            let path = entry?.path();
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if own || endings.contains(&&*ending) {
                let name = path.file_name().unwrap_or_default();
                fs::copy(&path, seeds.join(name))
                    .with_context(|| format!("{} cannot be copied", path.display()))?;
            }
        }
    }
    Ok(seeds)
}

/// Runs one target and gives its row of the table.
fn run(
    program: &Path,
    work: &Path,
    seeds: &Path,
    target: &str,
    time: Duration,
    runs: u64,
) -> Result<String> {
    let found = work.join("found");
    fs::create_dir_all(&found)?;
    let log = work.join("log.txt");
    let broken = format!("{}/broken-", work.display());
    let status = Command::new(program)
        .env("FUZZ_TARGET", target)
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-runs={runs}"))
        .arg(format!("-timeout={TIME_LIMIT}"))
        .arg(format!("-rss_limit_mb={MEMORY_LIMIT}"))
        .arg(format!("-artifact_prefix={broken}"))
        .arg("-print_final_stats=1")
        .args([found.as_path(), seeds])
        .stderr(fs::File::create(&log)?)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let told = fs::read_to_string(&log).unwrap_or_default();
    if !status.success() {
        let lines: Vec<&str> = told.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        bail!("{target}: an input breaks it, kept as {broken}…\n{last}");
    }
    let stat = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().last())
            .unwrap_or("?")
            .to_owned()
    };
    let seconds = told
        .lines()
        .find_map(|line| line.strip_prefix("Done ")?.split(" in ").nth(1))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or("?");
    let row = format!(
        "| {target} | {} | {seconds} | {} | {} |",
        stat("stat::number_of_executed_units:"),
        stat("stat::slowest_unit_time_sec:"),
        stat("stat::peak_rss_mb:"),
    );
    eprintln!("{row}");
    Ok(row)
}
