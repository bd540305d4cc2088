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
/// Counting branches makes a decoder several times slower. What takes more than the limit so is run once more without, where the limit holds;
/// nothing may take this long, in seconds.
const COUNTED_TIME_LIMIT: u32 = 8;
const MEMORY_LIMIT: u32 = 1024;

/// Runs every target, or one, for so long or so many inputs, whichever ends first, and prints a table.
pub fn fuzz(workspace: &Workspace, only: Option<&str>, time: Duration, runs: u64) -> Result<()> {
    let program = build(workspace, Build::Counted)?;
    let mut slow = Vec::new();
    let mut rows = Vec::new();
    for (target, folder, endings) in TARGETS {
        if only.is_some_and(|only| only != target) {
            continue;
        }
        let work = program.with_file_name("fuzz-work").join(target);
        let seeds = seeds(workspace, &work, target, folder, endings)?;
        rows.push(run(&program, &work, &seeds, target, time, runs)?);
        slow.extend(slow_inputs(&work)?.into_iter().map(|input| (target, input)));
    }
    if rows.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|(name, ..)| *name).collect();
        bail!("there is no such target; there are {}", names.join(", "));
    }
    if !slow.is_empty() {
        let plain = build(workspace, Build::Plain)?;
        for (target, input) in &slow {
            time_plain(&plain, target, input)?;
        }
    }
    println!("| target | inputs | seconds | slowest, s | memory, MB |");
    println!("| --- | --- | --- | --- | --- |");
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

/// How the program is built.
enum Build {
    /// With the branches counted, and every overflow and assertion checked.
    Counted,
    /// As the page's is.
    Plain,
}

fn build(workspace: &Workspace, build: Build) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "link-context-fuzz"]);
    let target = match build {
        Build::Counted => {
            let wrapper = workspace.root.join("tests/fuzz/rustc.sh");
            cargo.env("RUSTC_WORKSPACE_WRAPPER", wrapper);
            workspace.target.clone()
        }
        // A folder of its own: the library's file has one name however it is compiled, and one would be taken for the other.
        Build::Plain => workspace.target.join("fuzz-plain"),
    };
    process::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join("fuzz"))
}

/// What took more than the limit while branches were counted, now and in earlier runs.
fn slow_inputs(work: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(work)?.map(|entry| Ok(entry?.path()));
    let entries: Vec<PathBuf> = entries.collect::<Result<_>>()?;
    let is_slow = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("broken-slow-unit-")
    };
    Ok(entries.into_iter().filter(is_slow).collect())
}

/// Runs an input without counting; fails where it takes more than the limit.
fn time_plain(program: &Path, target: &str, input: &Path) -> Result<()> {
    let output = Command::new(program)
        .env("FUZZ_TARGET", target)
        .arg(input)
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let told = String::from_utf8_lossy(&output.stderr);
    // "Executed FILE in 123 ms"
    let milliseconds: Option<u32> = told
        .lines()
        .filter(|line| line.starts_with("Executed "))
        .find_map(|line| line.strip_suffix(" ms")?.rsplit(' ').next()?.parse().ok());
    match milliseconds {
        Some(found) if found <= TIME_LIMIT * 1000 => {
            eprintln!("{target}: {} takes {found} ms uncounted", input.display());
            Ok(())
        }
        Some(found) => bail!("{target}: {} takes {found} ms", input.display()),
        None => bail!("{target}: {} breaks it\n{told}", input.display()),
    }
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
    // By a shell that stays: a process begins with the most memory that the one which started it ever had, and would be stopped for it.
    let status = Command::new("sh")
        .args(["-c", "\"$0\" \"$@\"; exit $?"])
        .arg(program)
        .env("FUZZ_TARGET", target)
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-runs={runs}"))
        .arg(format!("-timeout={COUNTED_TIME_LIMIT}"))
        .arg(format!("-report_slow_units={TIME_LIMIT}"))
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
