//! Makes the wasm small, and measures what a browser downloads.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::report::{Report, megabytes};
use crate::workspace::Workspace;
use crate::{files, npm, process};

/// The most that the wasm may take on the wire.
const BUDGET: u64 = 3_000_000;

/// Size and speed; the features are those that rustc uses by default, and SIMD, which `.cargo/config.toml` switches on.
const OPTIONS: [&str; 8] = [
    "-O2",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-simd",
];

/// The size of the wasm.
pub struct Size {
    raw: u64,
    brotli: u64,
}

impl Size {
    /// The result for a person or a program.
    pub fn report(&self) -> Report {
        Report::default()
            .bytes("wasm", self.raw)
            .bytes("brotli", self.brotli)
            .bytes("budget", BUDGET)
    }

    /// Fails when the budget is exceeded.
    pub fn check(&self) -> Result<()> {
        if self.brotli > BUDGET {
            bail!(
                "the wasm is {} on the wire (brotli), over its budget of {}: make it smaller, or \
                 raise the budget in xtask/src/optimise.rs and say why",
                megabytes(self.brotli),
                megabytes(BUDGET)
            );
        }
        Ok(())
    }
}

/// Writes a file's zlib stream, which the page inflates itself: few hosts of static files compress wasm on the way.
pub fn compress(file: &Path, to: &Path) -> Result<()> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&fs::read(file)?)?;
    files::write_whole(to, &encoder.finish()?)
}

/// Optimises a wasm file in place. As that takes minutes, the result for the same input is kept beside the build.
pub fn optimise(workspace: &Workspace, wasm: &Path) -> Result<Size> {
    let lock = workspace.root.join("xtask").join("package-lock.json");
    let key = key(&fs::read(wasm)?, &fs::read(lock)?);
    let cache = workspace.target.join("wasm-opt");
    let (kept, kept_size) = (
        cache.join(format!("{key}.wasm")),
        cache.join(format!("{key}.brotli")),
    );
    if !kept_size.is_file() {
        // One result is enough: older ones only fill the disk.
        files::empty_folder(&cache)?;
        let tools = npm::tools(workspace)?;
        eprintln!("Optimising the wasm, which takes minutes the first time");
        process::run(
            Command::new("node")
                .arg(tools.join("binaryen/bin/wasm-opt"))
                .args(OPTIONS)
                .arg(wasm)
                .arg("-o")
                .arg(&kept),
        )
        .context("the wasm could not be optimised")?;
        let brotli = compressed_size(&fs::read(&kept)?)?;
        files::write_whole(&kept_size, brotli.to_string().as_bytes())?;
    }
    fs::copy(&kept, wasm)?;
    let brotli = fs::read_to_string(&kept_size)?;
    let brotli = brotli
        .parse()
        .with_context(|| format!("{} is broken", kept_size.display()))?;
    Ok(Size {
        raw: fs::metadata(wasm)?.len(),
        brotli,
    })
}

/// The same input, options and version of the tools give the same result.
fn key(wasm: &[u8], lock: &[u8]) -> String {
    let inputs = [files::sha256(wasm), files::sha256(lock), OPTIONS.join(" ")];
    files::sha256(inputs.join("\n").as_bytes())
}

/// As a file host compresses ahead of time: brotli at its best.
fn compressed_size(bytes: &[u8]) -> Result<u64> {
    let parameters = BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)?;
    Ok(compressed.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_fails_the_build_when_exceeded() {
        assert!(
            Size {
                raw: 1,
                brotli: BUDGET
            }
            .check()
            .is_ok()
        );
        let error = Size {
            raw: 1,
            brotli: BUDGET + 10_000,
        }
        .check()
        .unwrap_err()
        .to_string();
        assert!(error.contains("3.01 MB on the wire (brotli), over its budget of 3.00 MB"));
    }

    #[test]
    fn the_compressed_size_is_that_of_what_decompresses_to_the_same() {
        let text = "link-context ".repeat(1_000);
        let size = compressed_size(text.as_bytes()).unwrap();
        assert!((10..100).contains(&size), "{size}");
    }

    #[test]
    fn a_change_of_wasm_or_tools_is_another_result() {
        let key_of = |wasm: &str, lock: &str| key(wasm.as_bytes(), lock.as_bytes());
        assert_eq!(key_of("a", "b"), key_of("a", "b"));
        assert_ne!(key_of("a", "b"), key_of("b", "a"));
        assert_ne!(key_of("ab", ""), key_of("a", "b"));
    }
}
