//! The tables of runs in docs/results.md are what the logs in docs/ablation say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_ablation_is_what_its_commands_write() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = fs::read_to_string(root.join("docs/results.md")).unwrap();
    let lines: BTreeSet<&str> = results.lines().collect();
    let commands = results
        .lines()
        .filter_map(|line| line.strip_prefix("cargo xtask report -- --runs "));
    let mut written = String::new();
    for runs in commands {
        // The shell knows which logs are meant.
        let report = env!("CARGO_BIN_EXE_report");
        let output = Command::new("bash")
            .args(["-c", &format!("exec \"$0\" --runs {runs}"), report])
            .current_dir(root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "report --runs {runs}: {said}");
        let table = String::from_utf8(output.stdout).unwrap();
        for line in table.lines().filter(|line| !line.is_empty()) {
            assert!(lines.contains(line), "docs/results.md has no line: {line}");
        }
        written += &table;
    }
    for log in fs::read_dir(root.join("docs/ablation")).unwrap() {
        let path = log.unwrap().path();
        let run = path.file_stem().unwrap().to_str().unwrap();
        let row = format!("| {run} |");
        assert!(written.contains(&row), "no table has {}", path.display());
    }
}
