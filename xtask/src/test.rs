//! `cargo xtask test`: every check, one step after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::build::{self, WEB_FEATURES};
use crate::debian::{CHROMIUM, FIREFOX, NGINX};
use crate::workspace::Workspace;
use crate::{dist, files, fuzz, npm, pack, process};

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// The code is formatted
    Format,
    /// The page's JavaScript is typed, formatted and short
    Script,
    /// The browser's build has no autotune
    Features,
    /// No lint, native
    LintNative,
    /// No lint, in the browser's build
    LintWeb,
    /// The documentation has no broken link
    Docs,
    /// The pack can be written
    Weights,
    /// The browser's build works and is within its size budget
    Build,
    /// The tests of these commands
    Commands,
    /// The tests of the crate
    Native,
    /// Broken input, for a moment
    Fuzz,
    /// The tests of the page, in a browser
    Browser,
}

/// Tests that a runner counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// How a step ended.
enum Outcome {
    Passed(Option<Tally>),
    Failed(String),
    NotRun,
}

/// Runs all steps, or one, and fails when any of them did. A failure does not stop the others, so that one run shows all.
pub fn test(workspace: &Workspace, only: Option<Step>) -> Result<()> {
    let steps = match &only {
        Some(step) => std::slice::from_ref(step),
        None => Step::value_variants(),
    };
    let mut results: Vec<(Step, Outcome, f64)> = Vec::new();
    for &step in steps {
        let unmet = results.iter().any(|(earlier, outcome, _)| {
            step.needs().contains(earlier) && !matches!(outcome, Outcome::Passed(_))
        });
        let start = Instant::now();
        eprintln!("\n== {}", step.name());
        let outcome = if unmet {
            eprintln!("not run: an earlier step failed");
            Outcome::NotRun
        } else {
            match step.run(workspace) {
                Ok(tally) => Outcome::Passed(tally),
                Err(error) => {
                    eprintln!("error: {error:#}");
                    Outcome::Failed(format!("{error:#}"))
                }
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("== {} took {seconds:.1} s", step.name());
        results.push((step, outcome, seconds));
    }
    summarise(&results)
}

fn summarise(results: &[(Step, Outcome, f64)]) -> Result<()> {
    println!("\n{:12} {:>8}  result", "step", "seconds");
    let mut failed = Vec::new();
    for (step, outcome, seconds) in results {
        let result = match outcome {
            Outcome::Passed(None) => "ok".to_owned(),
            Outcome::Passed(Some(tally)) => format!("ok, {} tests passed", tally.passed),
            Outcome::Failed(error) => format!("FAILED: {error}"),
            Outcome::NotRun => "not run".to_owned(),
        };
        println!("{:12} {seconds:8.1}  {result}", step.name());
        if !matches!(outcome, Outcome::Passed(_)) {
            failed.push(step.name());
        }
    }
    if !failed.is_empty() {
        bail!("these steps failed or were not run: {}", failed.join(", "));
    }
    Ok(())
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The steps without which this one has nothing to work on.
    fn needs(self) -> &'static [Self] {
        match self {
            Self::Native => &[Self::Weights],
            Self::Browser => &[Self::Weights, Self::Build],
            _ => &[],
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Option<Tally>> {
        match self {
            Self::Format => process::run(workspace.cargo().args(["fmt", "--all", "--check"]))?,
            Self::Script => script(workspace)?,
            Self::Features => features(workspace)?,
            Self::LintNative => {
                let lint = ["clippy", "--all-targets"];
                let deny = ["--", "--deny", "warnings"];
                // With the GPU's kernels, which no native test compiles.
                let cli = ["--features", "cli,webgpu"];
                process::run(workspace.cargo().args(lint).args(cli).args(deny))?;
                for package in ["xtask", "link-context-fuzz"] {
                    let mut cargo = workspace.cargo();
                    cargo.args(lint).args(["--package", package]);
                    process::run(cargo.args(deny))?;
                }
            }
            Self::LintWeb => {
                build::add_target(workspace)?;
                let mut lint = workspace.cargo();
                lint.args(["clippy", "--lib"]).args(WEB_FEATURES);
                process::run(lint.args(["--", "--deny", "warnings"]))?;
            }
            Self::Docs => docs(workspace)?,
            Self::Weights => {
                pack::write(workspace, None)?.report().print(false);
            }
            Self::Build => {
                let size = build::build(workspace)?;
                size.report().print(false);
                size.check()?;
            }
            Self::Commands => {
                let mut tests = workspace.cargo();
                return counted(tests.args(["test", "--release", "--package", "xtask"])).map(Some);
            }
            Self::Native => {
                let mut tests = workspace.cargo();
                tests.args(["test", "--release", "--features", "cli"]);
                // What was recorded is asked again of the pack that the page gets.
                return counted(tests.env("LINK_CONTEXT_PACK", workspace.pack())).map(Some);
            }
            Self::Fuzz => {
                let moment = Duration::from_secs(3);
                fuzz::fuzz(workspace, None, moment, fuzz::RUNS)?;
            }
            Self::Browser => return browser(workspace).map(Some),
        }
        Ok(None)
    }
}

/// Lines of JavaScript that the page may have, empty ones left out: what one person reads in an evening.
const PAGE_LINES: usize = 2500;

/// The same of the package's modules that are written by hand.
const PACKAGE_LINES: usize = 1500;

/// Types by the comments, format, and the budgets of the page's own JavaScript and the package's.
fn script(workspace: &Workspace) -> Result<()> {
    let tests = workspace.root.join("tests").join("browser");
    npm::install(&tests)?;
    let tool = |script: PathBuf| {
        let mut node = Command::new("node");
        node.arg(script).current_dir(&workspace.root);
        node
    };
    let compiler = npm::tools(workspace)?.join("typescript/bin/tsc");
    for project in [tests.clone(), tests.join("sw")] {
        process::run(tool(compiler.clone()).arg("--project").arg(project))?;
    }
    let formatter = tests.join("node_modules/prettier/bin/prettier.cjs");
    let scripts = "{www,npm/pkg,tests/browser}/*.{js,ts}";
    process::run(tool(formatter).args(["--check", scripts]))?;
    for (what, folder, budget) in [
        ("page", workspace.www(), PAGE_LINES),
        ("package", build::sources(workspace), PACKAGE_LINES),
    ] {
        let lines = lines_of_script(&folder)?;
        eprintln!("the {what} has {lines} lines of JavaScript, of {budget}");
        if lines > budget {
            bail!("the {what} has {lines} lines of JavaScript, over its budget of {budget}");
        }
    }
    Ok(())
}

/// Lines that are not empty: code, types in comments, and comments.
fn lines_of_script(folder: &Path) -> Result<usize> {
    let mut lines = 0;
    for file in files::files_under(folder)? {
        if file.extension().is_some_and(|extension| extension == "js") {
            let text = fs::read_to_string(&file)?;
            lines += text.lines().filter(|line| !line.trim().is_empty()).count();
        }
    }
    Ok(lines)
}

/// Autotune may choose a kernel that the browser rejects, and then every number is wrong without a word.
fn features(workspace: &Workspace) -> Result<()> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--edges", "normal,features", "--prefix", "none"])
        .args(WEB_FEATURES);
    let tree = process::output(&mut tree)?;
    match tree.lines().find(|line| line.contains("autotune")) {
        Some(line) => bail!("the browser's build has autotune switched on: {line}"),
        None => Ok(()),
    }
}

fn docs(workspace: &Workspace) -> Result<()> {
    build::add_target(workspace)?;
    let doc = || {
        let mut doc = workspace.cargo();
        doc.args(["doc", "--no-deps", "--lib"])
            .env("RUSTDOCFLAGS", "--deny warnings");
        doc
    };
    process::run(doc().args(["--features", "cli"]))?;
    process::run(doc().args(WEB_FEATURES))
}

fn browser(workspace: &Workspace) -> Result<Tally> {
    let programs =
        [CHROMIUM, FIREFOX, NGINX].map(|program| Ok((program.variable, program.find()?)));
    let programs = programs.into_iter().collect::<Result<Vec<_>>>()?;
    let folder = workspace.root.join("tests").join("browser");
    npm::install(&folder)?;
    // Some tests visit the site as a file host has it.
    dist::assemble(workspace)?;
    counted(
        Command::new("node")
            .args(["node_modules/@playwright/test/cli.js", "test"])
            .current_dir(&folder)
            .envs(programs),
    )
}

/// Runs a test runner and adds up its closing lines. A runner that ran nothing has checked nothing.
fn counted(command: &mut Command) -> Result<Tally> {
    let mut sum = Tally::default();
    process::run_read(command, |line| {
        if let Some(tally) = closing_line(line) {
            sum.passed += tally.passed;
            sum.failed += tally.failed;
        }
    })?;
    match sum {
        Tally {
            failed: 0,
            passed: 1..,
        } => Ok(sum),
        Tally { failed: 0, .. } => bail!("no test was run"),
        Tally { failed, .. } => bail!("{failed} tests failed"),
    }
}

/// Reads `test result: ok. 3 passed; 1 failed; ...` (libtest) and `browser: 3 passed, 1 failed` (ours).
fn closing_line(line: &str) -> Option<Tally> {
    let counts = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line.strip_prefix("browser: ")?,
    };
    let mut parts = counts.split([',', ';']);
    let mut count = |label: &str| {
        let number = parts.next()?.trim().strip_suffix(label)?;
        number.trim_end().parse().ok()
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let libtest =
            "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            closing_line(libtest),
            Some(Tally {
                passed: 12,
                failed: 1
            })
        );
        let ours = "browser: 4 passed, 0 failed, 1 skipped";
        assert_eq!(
            closing_line(ours),
            Some(Tally {
                passed: 4,
                failed: 0
            })
        );
        for line in [
            "",
            "test a::b ... ok",
            "  4 passed (3.1s)",
            "browser: none",
            "test result: ?",
        ] {
            assert_eq!(closing_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_runner_that_runs_nothing_has_failed() {
        let say = |line: &str| counted(Command::new("echo").arg(line)).map_err(|e| e.to_string());
        assert_eq!(
            say("browser: 2 passed, 0 failed"),
            Ok(Tally {
                passed: 2,
                failed: 0
            })
        );
        assert_eq!(say("hello"), Err("no test was run".to_owned()));
        assert_eq!(
            say("browser: 2 passed, 1 failed"),
            Err("1 tests failed".to_owned())
        );
    }

    #[test]
    fn one_failed_or_unrun_step_fails_the_whole() {
        let passed = || (Step::Format, Outcome::Passed(None), 0.0);
        assert!(summarise(&[passed(), passed()]).is_ok());
        for bad in [Outcome::Failed("x".to_owned()), Outcome::NotRun] {
            let error = summarise(&[passed(), (Step::Browser, bad, 0.0)])
                .unwrap_err()
                .to_string();
            assert!(error.ends_with(": browser"), "{error}");
        }
    }
}
