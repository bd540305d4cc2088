//! Other programs: starting them, and saying what to install when they are missing.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// Runs a program to its end. What it prints goes to standard error: standard output is for our own results.
pub fn run(command: &mut Command) -> Result<()> {
    check(command.stdout(std::io::stderr()))
}

/// Runs a program to its end and lets it print its own results.
pub fn run_shown(command: &mut Command) -> Result<()> {
    check(command.stdout(Stdio::inherit()))
}

/// Runs a program to its end, shows each line that it prints, and hands the line on.
pub fn run_read(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        // Bytes, not `lines()`: a test may print what is not UTF-8.
        while output.read_until(b'\n', &mut bytes)? > 0 {
            let text = String::from_utf8_lossy(&bytes);
            print!("{text}");
            line(text.trim_end());
            bytes.clear();
        }
    }
    succeeded(command, child.wait()?)
}

/// What a program prints on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let child = spawn(command.stdout(Stdio::piped()))?;
    let output = child.wait_with_output()?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("{} prints no text", name(command)))
}

fn check(command: &mut Command) -> Result<()> {
    let status = spawn(command)?.wait()?;
    succeeded(command, status)
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.stdin(Stdio::null()).spawn().map_err(|error| {
        let name = name(command);
        match error.kind() {
            ErrorKind::NotFound => anyhow!("`{name}` is not installed. {}", advice(&name)),
            _ => anyhow!("`{name}` could not be started: {error}"),
        }
    })
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command
        .get_args()
        .map(|part| part.to_string_lossy())
        .collect();
    bail!(
        "`{} {}` failed ({status})",
        name(command),
        arguments.join(" ")
    )
}

fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn advice(program: &str) -> &'static str {
    match program {
        "python3" => "Install Python 3 with pip (Debian: `apt-get install python3-pip`).",
        "node" | "npm" => "Install Node.js 20 or later, which brings both `node` and `npm`.",
        "rustup" => {
            "The Rust target for browsers is missing and only rustup can add it: install Rust with \
             rustup, or install the target wasm32-unknown-unknown with your system's packages."
        }
        _ => "Install it and try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        let error = run(&mut Command::new("/nowhere/npm"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("`npm` is not installed. Install Node.js 20"),
            "{error}"
        );
    }

    #[test]
    fn a_failing_program_is_an_error_that_shows_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`sh -c exit 3` failed") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn lines_are_handed_on_even_when_they_are_no_text() {
        let mut lines = Vec::new();
        let mut command = Command::new("printf");
        run_read(command.arg(r"one\n\377two\n"), |line| {
            lines.push(line.to_owned())
        })
        .unwrap();
        assert_eq!(lines, ["one", "\u{fffd}two"]);
    }
}
