//! Where things are.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The target that browsers run.
pub const WEB_TARGET: &str = "wasm32-unknown-unknown";

/// The folders that the commands read and write.
pub struct Workspace {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's build folder, wherever the environment puts it.
    pub target: PathBuf,
    /// What outlives a build: the weight packages and the pack.
    pub cache: PathBuf,
    /// The version of the crate.
    pub version: String,
}

impl Workspace {
    /// Asks Cargo, which knows the environment and the configuration files, for the workspace around the current folder: two
    /// clones that share a build folder share this program too, so it must not remember where it was compiled.
    pub fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("Cargo could not be started")?;
        if !output.status.success() {
            bail!(
                "Cargo finds no workspace: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let version = metadata["packages"]
            .as_array()
            .and_then(|packages| {
                packages
                    .iter()
                    .find(|package| package["name"] == "link-context")
            })
            .and_then(|package| string(&package["version"]))
            .context("the workspace has no package link-context")?;
        Ok(Self {
            root: string(&metadata["workspace_root"])
                .context("no workspace root")?
                .into(),
            target: string(&metadata["target_directory"])
                .context("no target directory")?
                .into(),
            cache: cache()?,
            version,
        })
    }

    /// Cargo, in the repository's root.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }

    /// The page.
    pub fn www(&self) -> PathBuf {
        self.root.join("www")
    }

    /// The npm package that `build` writes.
    pub fn pkg(&self) -> PathBuf {
        self.root.join("pkg")
    }

    /// The pack that `weights` writes.
    pub fn pack(&self) -> PathBuf {
        self.cache.join("pack")
    }
}

/// The Cargo that started us, so that a chosen toolchain stays chosen.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn cache() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("LINK_CONTEXT_CACHE") {
        return std::path::absolute(folder).context("LINK_CONTEXT_CACHE is no path");
    }
    let home = std::env::home_dir().context("there is no home folder: set LINK_CONTEXT_CACHE")?;
    Ok(home.join(".cache").join("link-context").join("weights"))
}
