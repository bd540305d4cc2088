//! `cargo xtask weights`: the published weights and our adapter, written as the pack that the page downloads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::originals::Originals;
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{files, process};

/// The linking adapter, trained by `cargo xtask train`.
const ADAPTER: &str = "weights/adapter.safetensors";

/// The picture encoder's last blocks, tuned by `cargo xtask train-encoder`. An adapter says whether it was trained behind them.
const ENCODER: &str = "weights/encoder.safetensors";

/// The code that decides what is in a pack: when it changes, the pack is written anew.
const WRITERS: [&str; 5] = [
    "src/weights",
    "src/bin/pack.rs",
    "src/model/config.rs",
    "src/text/tokenizer.rs",
    "LICENSE-APACHE",
];

/// What `cargo xtask weights` leaves behind.
pub struct Pack {
    originals: Originals,
    folder: PathBuf,
    files: usize,
    bytes: u64,
}

impl Pack {
    /// The result for a person or a program.
    pub fn report(&self) -> Report {
        Report::default()
            .text("gguf", self.originals.gguf.display().to_string())
            .text("torch", self.originals.torch.display().to_string())
            .text("pack", self.folder.display().to_string())
            .count("files", self.files)
            .bytes("size", self.bytes)
    }
}

/// Obtains the weights and writes the pack, unless the pack that is there came from the same inputs.
pub fn write(workspace: &Workspace, from: Option<&Path>) -> Result<Pack> {
    let originals = Originals::obtain(workspace, from)?;
    let adapter = workspace.root.join(ADAPTER);
    if !adapter.is_file() {
        bail!("{ADAPTER} is missing: it belongs to the repository, `cargo xtask train` makes one");
    }
    let encoder = workspace.root.join(ENCODER);
    if !encoder.is_file() {
        bail!(
            "{ENCODER} is missing: it belongs to the repository, `cargo xtask train-encoder` makes one"
        );
    }
    let folder = workspace.pack();
    let stamp = workspace.cache.join("pack.sha256");
    let inputs = inputs(workspace, &originals, [&encoder, &adapter])?;
    let current = fs::read_to_string(&stamp).is_ok_and(|written| written == inputs);
    if !(current && folder.join("manifest.json").is_file()) {
        let part = workspace.cache.join("pack.part");
        files::empty_folder(&part)?;
        process::run(
            workspace
                .cargo()
                .args([
                    "run",
                    "--release",
                    "--features",
                    "cli",
                    "--bin",
                    "pack",
                    "--",
                ])
                .arg("--gguf")
                .arg(&originals.gguf)
                .arg("--torch")
                .arg(&originals.torch)
                .arg("--encoder")
                .arg(&encoder)
                .arg("--adapter")
                .arg(&adapter)
                .arg("--out")
                .arg(&part),
        )
        .context("the pack could not be written")?;
        files::replace_folder(&part, &folder)?;
        files::write_whole(&stamp, inputs.as_bytes())?;
    }
    let mut bytes = 0;
    let written = files::files_under(&folder)?;
    for file in &written {
        bytes += file.metadata()?.len();
    }
    Ok(Pack {
        originals,
        folder,
        files: written.len(),
        bytes,
    })
}

/// One hash over everything that decides what the pack holds.
fn inputs(workspace: &Workspace, originals: &Originals, ours: [&Path; 2]) -> Result<String> {
    let mut all = vec![originals.gguf.clone(), originals.torch.clone()];
    all.extend(ours.map(Path::to_owned));
    for writer in WRITERS {
        let path = workspace.root.join(writer);
        if path.is_dir() {
            all.extend(files::files_under(&path)?);
        } else {
            all.push(path);
        }
    }
    let hashes: Result<Vec<_>> = all.iter().map(|path| files::sha256_of(path)).collect();
    Ok(files::sha256(hashes?.join("\n").as_bytes()))
}
