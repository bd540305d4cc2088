//! `cargo xtask build`: Rust to the npm package in `pkg/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use wasm_bindgen_cli_support::Bindgen;

use crate::optimise::{self, Size};
use crate::workspace::{WEB_TARGET, Workspace};
use crate::{files, process};

/// The name of the generated files.
const NAME: &str = "link_context";

/// The program, as a bundler or a module of somebody else's takes it.
pub const WASM: &str = "link_context_bg.wasm";

/// Compiles, binds, optimises and packages; gives the size of what the browser downloads.
pub fn build(workspace: &Workspace) -> Result<Size> {
    let compiled = compile(workspace)?;
    let package = workspace.root.join("pkg.part");
    files::empty_folder(&package)?;
    bind(&compiled, &package)?;
    let wasm = package.join(WASM);
    let size = optimise::optimise(workspace, &wasm)?;
    optimise::compress(&wasm, &package.join(format!("{NAME}_bg.bin")))?;
    describe(workspace, &package)?;
    files::replace_folder(&package, &workspace.pkg())?;
    Ok(size)
}

fn compile(workspace: &Workspace) -> Result<PathBuf> {
    add_target(workspace)?;
    process::run(
        workspace
            .cargo()
            .args(["build", "--lib", "--profile", "web"])
            .args(WEB_FEATURES),
    )
    .context("the crate could not be built for the browser")?;
    Ok(workspace
        .target
        .join(WEB_TARGET)
        .join("web")
        .join(format!("{NAME}.wasm")))
}

/// How Cargo is told to look at the crate as the browser gets it.
pub const WEB_FEATURES: [&str; 5] = [
    "--target",
    WEB_TARGET,
    "--no-default-features",
    "--features",
    "webgpu",
];

/// Adds the browser's target to the toolchain, where it is missing.
pub fn add_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--print", "target-libdir", "--target", WEB_TARGET])
        .current_dir(&workspace.root);
    if Path::new(process::output(&mut rustc)?.trim()).is_dir() {
        return Ok(());
    }
    process::run(
        Command::new("rustup")
            .args(["target", "add", WEB_TARGET])
            .current_dir(&workspace.root),
    )
    .with_context(|| format!("the Rust target {WEB_TARGET} could not be added"))
}

/// Writes the JavaScript around the wasm, as modules that a browser loads without a bundler.
fn bind(compiled: &Path, package: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(compiled)
        .out_name(NAME)
        .web(true)?
        .typescript(true)
        // `init()` without an argument finds the wasm beside the JavaScript, as from the command-line tool.
        .omit_default_module_path(false)
        // Names of functions and of compilers: a browser needs neither.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(package)
        .context("the JavaScript bindings could not be generated")
}

/// Adds what makes the folder an npm package.
fn describe(workspace: &Workspace, package: &Path) -> Result<()> {
    let licences = ["LICENSE-MIT", "LICENSE-APACHE"];
    for licence in licences {
        let from = workspace.root.join(licence);
        fs::copy(&from, package.join(licence))
            .with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    let module = format!("./{NAME}.js");
    let types = format!("./{NAME}.d.ts");
    let wasm = format!("./{WASM}");
    let description = json!({
        "name": "link-context",
        "version": workspace.version,
        "description": "Link-context learning in the browser, on WebGPU or the processor",
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "main": module,
        "types": types,
        // The types are found beside the module.
        "exports": { ".": module, wasm.as_str(): wasm },
        "files": [format!("{NAME}*"), "snippets", "LICENSE-*"],
        // Importing the module starts nothing: `init` does.
        "sideEffects": false,
    });
    let text = format!("{description:#}\n");
    files::write_whole(&package.join("package.json"), text.as_bytes())
}
